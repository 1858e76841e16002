import { describe, expect, it } from '@jest/globals';
import { initialStatus, nextStatus, type WatchdogStatus } from '../../src/pipeline/watchdog-state.ts';

const EVERY = 120_000;
const now = { monotonic: 1_000_000, wall: 50_000_000 };
const seen = (ago: number) => ({ lastSeenAt: now.wall - ago, firing: true });
const first = (sighting: { lastSeenAt: number | undefined; firing: boolean }, wasLost = false) =>
  initialStatus(sighting, EVERY, { now, wasLost });
const next = (
  last: WatchdogStatus,
  sighting: { lastSeenAt: number | undefined; firing: boolean },
  afterMs: number,
) => nextStatus(last, sighting, { expectEveryMs: EVERY, monotonic: now.monotonic + afterMs });

describe('the state of a watchdog at the start', () => {
  it.each([
    ['is fresh where its last delivery is recent', seen(EVERY), false, 'fresh'],
    ['is waiting where that is old: Tocsin was not running to receive it', seen(EVERY + 1), false, 'waiting'],
    ['is waiting where there never was one', { lastSeenAt: undefined, firing: false }, false, 'waiting'],
    ['is waiting where its episode is closed', { ...seen(1_000), firing: false }, false, 'waiting'],
    ['is waiting where the clock was set back', seen(-60_000), false, 'waiting'],
    ['is lost where it was lost before', seen(1_000), true, 'lost'],
  ])('%s', (_what, sighting, wasLost, state) => {
    expect(first(sighting, wasLost).state).toBe(state);
  });

  it('includes the time before the start', () => {
    const sighting = seen(EVERY - 10_000);
    const standing = first(sighting);
    expect(next(standing, sighting, 10_000).state).toBe('fresh');
    expect(next(standing, sighting, 10_001).state).toBe('lost');
  });
});

describe('a running watchdog', () => {
  const fresh = first(seen(0));

  it('stays fresh with each delivery, and is lost without', () => {
    const later = next(fresh, seen(-60_000), 60_000);
    expect(later.state).toBe('fresh');
    expect(next(later, seen(-60_000), 60_000 + EVERY).state).toBe('fresh');
    expect(next(later, seen(-60_000), 60_001 + EVERY).state).toBe('lost');
  });

  it('is lost at once when its sender reports it resolved', () => {
    expect(next(fresh, { ...seen(0), firing: false }, 1).state).toBe('lost');
  });

  it('is restored only by a delivery', () => {
    const lost = next(fresh, seen(0), EVERY + 1);
    expect(next(lost, seen(0), EVERY + 2).state).toBe('lost');
    expect(next(lost, seen(-EVERY), EVERY + 2).state).toBe('fresh');
  });

  it('has one expect_every for its first delivery', () => {
    const waiting = first({ lastSeenAt: undefined, firing: false });
    expect(next(waiting, { lastSeenAt: undefined, firing: false }, EVERY).state).toBe('waiting');
    expect(next(waiting, { lastSeenAt: undefined, firing: false }, EVERY + 1).state).toBe('lost');
    expect(next(waiting, seen(0), 5).state).toBe('fresh');
  });

  it('is not affected by changes of the wall clock', () => {
    expect(next(fresh, seen(0), 1).state).toBe('fresh');
    expect(next(fresh, seen(3_600_000), 60_000).state).toBe('fresh');
  });
});
