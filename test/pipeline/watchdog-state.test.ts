import { describe, expect, it } from '@jest/globals';
import { firstStanding, nextStanding, type WatchdogStanding } from '../../src/pipeline/watchdog-state.ts';

const EVERY = 120_000;
const now = { monotonic: 1_000_000, wall: 50_000_000 };
const seen = (ago: number) => ({ lastSeenAt: now.wall - ago, firing: true });
const first = (sighting: { lastSeenAt: number | undefined; firing: boolean }, wasLost = false) =>
  firstStanding(sighting, EVERY, { now, wasLost });
const next = (
  last: WatchdogStanding,
  sighting: { lastSeenAt: number | undefined; firing: boolean },
  afterMs: number,
) => nextStanding(last, sighting, { expectEveryMs: EVERY, monotonic: now.monotonic + afterMs });

describe('how a watchdog stands at the start', () => {
  it.each([
    ['fresh where its last delivery is young', seen(EVERY), false, 'fresh'],
    ['waiting where that is old: Tocsin was not there to hear it', seen(EVERY + 1), false, 'waiting'],
    ['waiting where there never was one', { lastSeenAt: undefined, firing: false }, false, 'waiting'],
    ['waiting where its episode is over', { ...seen(1_000), firing: false }, false, 'waiting'],
    ['waiting where the clock was set back', seen(-60_000), false, 'waiting'],
    ['lost where it was lost before', seen(1_000), true, 'lost'],
  ])('%s', (_what, sighting, wasLost, state) => {
    expect(first(sighting, wasLost).state).toBe(state);
  });

  it('counts the time before the start', () => {
    const sighting = seen(EVERY - 10_000);
    const standing = first(sighting);
    expect(next(standing, sighting, 10_000).state).toBe('fresh');
    expect(next(standing, sighting, 10_001).state).toBe('lost');
  });
});

describe('how a watchdog goes on', () => {
  const fresh = first(seen(0));

  it('stays fresh with each delivery, and is lost without', () => {
    const later = next(fresh, seen(-60_000), 60_000);
    expect(later.state).toBe('fresh');
    expect(next(later, seen(-60_000), 60_000 + EVERY).state).toBe('fresh');
    expect(next(later, seen(-60_000), 60_001 + EVERY).state).toBe('lost');
  });

  it('is lost at once when its sender says that it fires no more', () => {
    expect(next(fresh, { ...seen(0), firing: false }, 1).state).toBe('lost');
  });

  it('is restored by a delivery, and by nothing else', () => {
    const lost = next(fresh, seen(0), EVERY + 1);
    expect(next(lost, seen(0), EVERY + 2).state).toBe('lost');
    expect(next(lost, seen(-EVERY), EVERY + 2).state).toBe('fresh');
  });

  it('gets one expect_every to be heard for the first time', () => {
    const waiting = first({ lastSeenAt: undefined, firing: false });
    expect(next(waiting, { lastSeenAt: undefined, firing: false }, EVERY).state).toBe('waiting');
    expect(next(waiting, { lastSeenAt: undefined, firing: false }, EVERY + 1).state).toBe('lost');
    expect(next(waiting, seen(0), 5).state).toBe('fresh');
  });

  it('does not mind a wall clock that is set', () => {
    expect(next(fresh, seen(0), 1).state).toBe('fresh');
    expect(next(fresh, seen(3_600_000), 60_000).state).toBe('fresh');
  });
});
