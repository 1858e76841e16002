import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EventBus } from '../../src/events/event-bus.ts';
import { follow, type FollowOptions, type FollowStep } from '../../src/events/follow.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { MemoryLedger } from '../support/ledger/memory-ledger.ts';

/** Follows the ledger in the background and keeps what it received. */
function start(ledger: MemoryLedger, more: Partial<FollowOptions> = {}) {
  const clock = new ManualClock();
  const ending = new AbortController();
  const steps: FollowStep[] = [];
  const options = {
    bus: new EventBus(ledger),
    clock,
    after: ledger.id(0),
    limit: 3,
    signal: ending.signal,
    ...more,
  };
  const done = (async () => {
    for await (const step of follow(options)) steps.push(step);
  })();
  const offsets = () =>
    steps.flatMap((step) => (step.kind === 'events' ? step.events : [])).map(({ id }) => Number(id.slice(3)));
  const end = async () => {
    ending.abort();
    await done;
  };
  return { clock, steps, offsets, end };
}

const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, i) => from + i);

describe('a follower', () => {
  it('receives stored events, then new ones, in pages', async () => {
    const ledger = new MemoryLedger();
    ledger.append(7);
    const follower = start(ledger);
    await settle();
    expect(follower.offsets()).toEqual(upTo(7));
    ledger.append(2);
    await settle();
    await follower.end();
    expect(follower.offsets()).toEqual(upTo(9));
    expect(follower.steps.every((step) => step.kind === 'events' && step.events.length <= 3)).toBe(true);
  });

  it('reads nothing while there are no events', async () => {
    const ledger = new MemoryLedger();
    ledger.append(1);
    const follower = start(ledger);
    await settle();
    const { reads } = ledger;
    await follower.clock.advance(3_600_000);
    expect(ledger.reads).toBe(reads);
    await follower.end();
  });

  it('advances past events that its filter leaves out', async () => {
    const ledger = new MemoryLedger();
    const follower = start(ledger, { type: 'tocsin.check.healthy' });
    ledger.append(5);
    await settle();
    expect(follower.steps).toEqual([{ kind: 'events', events: [], at: 'e1-5' }]);
    ledger.append(1, { type: 'tocsin.check.healthy' });
    await settle();
    await follower.end();
    expect(follower.offsets()).toEqual([6]);
  });

  it.each([
    ['retention removed what follows', 'e1-2', 4],
    ['the id is of another ledger', 'e0-5', 4],
    ['the id is ahead of the ledger', 'e1-99', 4],
    ['the id is invalid', 'nonsense', 4],
  ])('is notified of a gap when %s, and continues with the oldest', async (_why, after, pruned) => {
    const ledger = new MemoryLedger();
    ledger.append(6);
    ledger.prune(pruned);
    const follower = start(ledger, { after });
    await settle();
    await follower.end();
    expect(follower.steps[0]).toEqual({ kind: 'gap', after, oldest: 'e1-5', at: 'e1-4' });
    expect(follower.offsets()).toEqual([5, 6]);
  });

  it('is notified of a gap once when nothing is left', async () => {
    const ledger = new MemoryLedger();
    ledger.append(3);
    ledger.prune(3);
    const follower = start(ledger, { after: 'e1-1' });
    await settle();
    ledger.append(1);
    await settle();
    await follower.end();
    expect(follower.steps[0]).toEqual({ kind: 'gap', after: 'e1-1', at: 'e1-3' });
    expect(follower.offsets()).toEqual([4]);
  });

  it('shares its reads with others at the same position', async () => {
    const ledger = new MemoryLedger();
    const bus = new EventBus(ledger);
    const followers = Array.from({ length: 50 }, () => start(ledger, { bus }));
    await settle();
    ledger.append(1);
    await settle();
    expect(ledger.reads).toBe(2);
    for (const follower of followers) {
      await follower.end();
      expect(follower.offsets()).toEqual([1]);
    }
  });

  it('sees every event once and in order, whatever the ledger does in the meantime', async () => {
    const action = fc.oneof(
      fc.record({ append: fc.integer({ min: 1, max: 9 }) }),
      fc.constant({ fail: true }),
      fc.constant({ recover: true }),
      fc.constant({ wait: true }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 30 }), async (actions) => {
        const ledger = new MemoryLedger();
        const follower = start(ledger);
        for (const one of actions) {
          if ('append' in one) ledger.append(one.append);
          if ('fail' in one) ledger.available = false;
          if ('recover' in one) ledger.available = true;
          if ('wait' in one) await follower.clock.advance(400);
        }
        ledger.available = true;
        await follower.clock.advance(1_000);
        await settle();
        await follower.end();
        expect(follower.offsets()).toEqual(upTo(ledger.last));
      }),
      { numRuns: 60 },
    );
  });
});
