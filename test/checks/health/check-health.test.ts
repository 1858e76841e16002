import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { failure, SUCCESS, unknown, type Result, type Verdict } from '../../../src/domain/result.ts';
import type { CheckState } from '../../../src/domain/service.ts';
import { ClusterTally, worstState } from '../../../src/checks/health/cluster.ts';
import {
  applyResult,
  expiredHealth,
  initialHealth,
  isStale,
  nextDelayMs,
  type CheckHealth,
} from '../../../src/checks/health/check-health.ts';

const rules = { confirm: { failures: 2, successes: 2, retryIntervalMs: 2_000 }, degradedAfterMs: 1_000 };
const verdicts: Record<string, Verdict> = {
  ok: SUCCESS,
  slow: SUCCESS,
  bad: failure('status', 'HTTP status 503'),
  lost: unknown('agent_error', 'a bug'),
};

function result(word: string, at: number): Result {
  const verdict = verdicts[word];
  if (verdict === undefined) throw new Error(word);
  return { verdict, startedAt: at, durationSeconds: word === 'slow' ? 1.5 : 0.1, details: {} };
}

function after(words: string[]): CheckHealth {
  return words.reduce(
    (health, word, i) => applyResult(health, result(word, 1_000 * (i + 1)), rules),
    initialHealth(0),
  );
}

describe('the confirmation rule', () => {
  it.each<[string, string[], CheckState]>([
    ['is unknown before the first result', [], 'unknown'],
    ['is degraded after a first success that is not confirmed', ['ok'], 'degraded'],
    ['is healthy after as many successes as the rule asks', ['ok', 'ok'], 'healthy'],
    ['is degraded after one failure', ['ok', 'ok', 'bad'], 'degraded'],
    [
      'is unhealthy after as many failures in a row as the rule asks',
      ['ok', 'ok', 'bad', 'bad'],
      'unhealthy',
    ],
    ['does not add up failures that are not in a row', ['bad', 'ok', 'bad'], 'degraded'],
    ['stays unhealthy while failing', ['bad', 'bad', 'bad', 'bad'], 'unhealthy'],
    ['recovers through degraded', ['bad', 'bad', 'ok'], 'degraded'],
    ['is degraded when slower than degraded_after', ['ok', 'ok', 'slow'], 'degraded'],
    ['is unchanged by a run that ended unknown', ['ok', 'ok', 'lost', 'lost', 'lost'], 'healthy'],
    ['counts failures across a run that ended unknown', ['bad', 'lost', 'bad'], 'unhealthy'],
  ])('%s', (_says, words, state) => {
    expect(after(words).state).toBe(state);
  });

  it('reports since when: the start of the run that changed the state', () => {
    expect(after(['ok', 'ok', 'ok', 'bad', 'bad', 'bad']).since).toBe(5_000);
  });

  it('equals a count over the last results', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('ok', 'slow', 'bad', 'lost')), (words) => {
        const known = words.filter((word) => word !== 'lost');
        const last = known.at(-1);
        const tail = known.length - 1 - known.findLastIndex((word) => (word === 'bad') !== (last === 'bad'));
        const expected =
          last === undefined
            ? 'unknown'
            : tail < 2 || last === 'slow'
              ? 'degraded'
              : last === 'bad'
                ? 'unhealthy'
                : 'healthy';
        expect(after(words).state).toBe(expected);
      }),
    );
  });

  it('asks for a quick re-run after an unconfirmed failure, then for the adaptive interval', () => {
    const service = { confirm: rules.confirm, adaptive: { unhealthyMs: 5_000, degradedMs: 15_000 } };
    expect(nextDelayMs(after(['ok', 'ok']), service)).toBeUndefined();
    expect(nextDelayMs(after(['ok', 'ok', 'bad']), service)).toBe(2_000);
    expect(nextDelayMs(after(['bad', 'bad']), service)).toBe(5_000);
    expect(nextDelayMs(after(['ok', 'ok', 'slow']), service)).toBe(15_000);
    expect(nextDelayMs(after(['bad', 'bad']), { confirm: rules.confirm, adaptive: {} })).toBeUndefined();
  });
});

describe('a stale check', () => {
  it('is older than both three intervals and 90 seconds', () => {
    const health = after(['ok', 'ok']);
    expect(isStale(health, 10_000, 2_000 + 90_000)).toBe(false);
    expect(isStale(health, 10_000, 2_200 + 90_001)).toBe(true);
    expect(isStale(health, 60_000, 2_000 + 180_000)).toBe(false);
    expect(isStale(health, 60_000, 2_200 + 180_001)).toBe(true);
    expect(isStale(initialHealth(0), 1, 1e12)).toBe(false);
  });

  it('becomes unknown, but keeps the last run and the last success', () => {
    const health = expiredHealth(after(['ok', 'ok']), 500_000);
    expect(health).toMatchObject({
      state: 'unknown',
      since: 500_000,
      lastSuccessAt: 2_000,
      successesInRow: 0,
    });
    expect(health.last?.startedAt).toBe(2_000);
    expect(health.lastConclusive).toBeUndefined();
  });
});

describe('the cluster', () => {
  const check = (state: CheckState, critical = false) => ({ critical, state });

  it.each([
    ['no checks', [], 'healthy', 1],
    ['all healthy', [check('healthy'), check('healthy', true)], 'healthy', 1],
    ['a critical service down', [check('unhealthy', true), check('healthy')], 'unhealthy', 0.25],
    ['another service down', [check('unhealthy'), check('healthy', true)], 'degraded', 0.75],
    ['a degraded check', [check('degraded'), check('healthy')], 'degraded', 0.75],
    ['a critical degraded check', [check('degraded', true), check('healthy')], 'degraded', 2.5 / 4],
    ['an unknown check', [check('unknown'), check('healthy')], 'degraded', 0.5],
  ])('%s', (_says, checks, state, ratio) => {
    const tally = new ClusterTally();
    for (const one of checks) tally.add(one);
    expect(tally.health()).toEqual({ state, ratio });
  });

  it('takes the worst state, in any order', () => {
    expect(worstState(['healthy', 'degraded', 'unknown'])).toBe('degraded');
    expect(worstState(['unhealthy', 'degraded'])).toBe('unhealthy');
    expect(worstState(['healthy', 'unknown'])).toBe('unknown');
    expect(worstState([])).toBe('unknown');
  });
});
