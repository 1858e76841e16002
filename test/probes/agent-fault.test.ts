import { describe, expect, it } from '@jest/globals';
import { FAILURE_REASONS, failure, SUCCESS, unknown } from '../../src/domain/result.ts';
import { agentLimitReached, attributeFault } from '../../src/probes/agent-fault.ts';

const fine = { timeoutMs: 10_000, lateMs: 0, stalledMs: 0 };
const reasonOf = (verdict: ReturnType<typeof attributeFault>) =>
  verdict.status === 'success' ? 'success' : verdict.reason;

describe('agent faults', () => {
  it('leaves every verdict unchanged when the agent was not at fault', () => {
    for (const reason of FAILURE_REASONS)
      expect(reasonOf(attributeFault(failure(reason, 'x'), fine))).toBe(reason);
    expect(attributeFault(SUCCESS, { ...fine, stalledMs: 5_000 })).toBe(SUCCESS);
  });

  it.each(['timeout', 'connect_timeout', 'connect', 'tls', 'protocol'] as const)(
    'attributes %s to the agent when the event loop was blocked for half a second',
    (reason) => {
      expect(attributeFault(failure(reason, 'why'), { ...fine, stalledMs: 500 })).toEqual(
        unknown('agent_overload', "Tocsin's event loop was blocked for 500ms during the run (why)"),
      );
    },
  );

  it('does not excuse failures that a pause cannot cause', () => {
    for (const reason of ['status', 'connect_refused', 'tls_expired', 'dns', 'body', 'threshold'] as const) {
      expect(reasonOf(attributeFault(failure(reason, 'x'), { ...fine, stalledMs: 5_000 }))).toBe(reason);
    }
  });

  it('requires a shorter pause where the timeout is short, and never less than 100 ms', () => {
    const timeout = failure('timeout', 'x');
    expect(reasonOf(attributeFault(timeout, { timeoutMs: 2_000, lateMs: 0, stalledMs: 199 }))).toBe(
      'timeout',
    );
    expect(reasonOf(attributeFault(timeout, { timeoutMs: 2_000, lateMs: 0, stalledMs: 200 }))).toBe(
      'agent_overload',
    );
    expect(reasonOf(attributeFault(timeout, { timeoutMs: 200, lateMs: 0, stalledMs: 99 }))).toBe('timeout');
    expect(reasonOf(attributeFault(timeout, { timeoutMs: 200, lateMs: 0, stalledMs: 100 }))).toBe(
      'agent_overload',
    );
  });

  it('counts a late deadline as a pause, only for runs that timed out', () => {
    const late = { ...fine, lateMs: 500 };
    expect(reasonOf(attributeFault(failure('timeout', 'x'), late))).toBe('agent_overload');
    expect(reasonOf(attributeFault(failure('protocol', 'x'), late))).toBe('protocol');
  });
});

describe('an error thrown by a prober', () => {
  it.each(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EAGAIN'])('is a limit of this host for %s', (code) => {
    const verdict = agentLimitReached(Object.assign(new Error('spawn ping'), { code }));
    expect(verdict).toEqual(unknown('agent_limit', `This host has no resources left (${code})`));
  });

  it('is a bug in any other case', () => {
    expect(agentLimitReached(new TypeError('x is undefined'))).toBeUndefined();
    expect(agentLimitReached(Object.assign(new Error(), { code: 'ECONNRESET' }))).toBeUndefined();
    expect(agentLimitReached(undefined)).toBeUndefined();
  });
});
