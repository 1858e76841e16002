import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { failure, SUCCESS, unknown, type Result, type Verdict } from '../../../src/domain/result.ts';
import { HealthBoard } from '../../../src/checks/health/board.ts';
import { ClusterTally } from '../../../src/checks/health/cluster.ts';
import { applyResult, initialHealth, type CheckHealth } from '../../../src/checks/health/check-health.ts';
import { restoreHealth, storeHealth } from '../../../src/checks/health/stored-health.ts';

const rules = { confirm: { failures: 2, successes: 2, retryIntervalMs: 1 } };
const result = (verdict: Verdict, startedAt: number): Result => ({
  verdict,
  startedAt,
  durationSeconds: 0.25,
  details: verdict.status === 'success' ? { statusCode: 200, extra: { clients: 3 } } : {},
});
const verdicts = fc.array(
  fc.constantFrom(SUCCESS, failure('status', 'HTTP status 503'), unknown('agent_overload', 'x')),
  { minLength: 1, maxLength: 8 },
);
const after = (list: readonly Verdict[]) =>
  list.reduce<CheckHealth>(
    (health, verdict, i) => applyResult(health, result(verdict, 1_000 * i), rules),
    initialHealth(0),
  );

describe('stored health', () => {
  it('is restored as it was, after any runs', () => {
    fc.assert(
      fc.property(verdicts, (list) => {
        const health = after(list);
        const text = storeHealth(health, 'http') ?? '';
        expect(restoreHealth(text, 'http')).toEqual(health);
      }),
    );
  });

  it('leaves out the response of a run, and is empty before the first', () => {
    const health = applyResult(
      initialHealth(0),
      { ...result(SUCCESS, 1), details: { data: { big: true } } },
      rules,
    );
    expect(storeHealth(health, 'http')).not.toContain('big');
    expect(storeHealth(initialHealth(0), 'http')).toBeUndefined();
  });

  it.each(['', '{', '[]', 'null', '{"prober":"http"}', '{"prober":"http","state":"fine","since":1}'])(
    'is ignored when it is not of our format: %s',
    (text) => {
      expect(restoreHealth(text, 'http')).toBeUndefined();
    },
  );

  it('is ignored when it is of another prober', () => {
    expect(restoreHealth(storeHealth(after([SUCCESS]), 'http') ?? '', 'tcp')).toBeUndefined();
  });
});

describe('a board', () => {
  const service = {
    name: 'a',
    critical: false,
    priority: 1,
    intervalMs: 30_000,
    timeoutMs: 1_000,
    labels: {},
    prober: 'http',
    targets: [{ address: 'x', label: 'x', host: 'x' }],
    confirm: rules.confirm,
    adaptive: {},
  };
  const key = 'a\u0000x';
  const health = after([SUCCESS, SUCCESS]);
  const restored = (now: number) => {
    const board = new HealthBoard();
    board.configure([service], now);
    return [board.restore(key, health, now), board.entry(key)?.health.state];
  };

  it('restores what is recent enough: three intervals or 90 s', () => {
    expect(restored(60_000)).toEqual([true, 'healthy']);
    expect(restored(1_250 + 90_000)).toEqual([true, 'healthy']);
    expect(restored(1_251 + 90_000)).toEqual([false, 'unknown']);
  });

  it('restores nothing from the future, of unknown checks, or over what ran since', () => {
    expect(restored(500)).toEqual([false, 'unknown']);
    const board = new HealthBoard();
    board.configure([service], 2_000);
    expect(board.restore('b\u0000x', health, 2_000)).toBe(false);
    board.record(key, result(failure('status', 'x'), 2_000));
    expect(board.restore(key, health, 2_000)).toBe(false);
  });

  it('keeps the cluster state as if it had recounted all checks', () => {
    const services = ['a', 'b', 'c'].map((name) => ({ ...service, name, critical: name === 'a' }));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), verdicts)), (steps) => {
        const board = new HealthBoard();
        board.configure(services, 0);
        for (const [name, list] of steps) {
          for (const verdict of list) board.record(`${name}\u0000x`, result(verdict, 1_000));
          if (list.length > 6) board.expire(10_000_000);
          if (list.length > 7) board.configure(services, 0);
          const recount = new ClusterTally();
          for (const { service: check, health: now } of board.entries()) {
            recount.add({ critical: check.critical, state: now.state });
          }
          expect(board.cluster()).toEqual(recount.health());
        }
      }),
    );
  });

  it('lets restored state become stale like any other', () => {
    const board = new HealthBoard();
    board.configure([service], 60_000);
    board.restore(key, health, 60_000);
    expect(board.expire(95_000).map(({ after: { health: now } }) => now.state)).toEqual(['unknown']);
  });
});
