import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { NoSlotError, Slots } from '../../../src/probes/icmp/slots.ts';

const never = new AbortController().signal;

describe('slots', () => {
  it('are granted in the order of the requests', async () => {
    const slots = new Slots(1);
    const first = await slots.acquire(never);
    const order: number[] = [];
    const waiting = [1, 2, 3].map(async (number) => {
      const release = await slots.acquire(never);
      order.push(number);
      release();
    });
    first();
    await Promise.all(waiting);
    expect(order).toEqual([1, 2, 3]);
  });

  it('are not waited for after the signal aborts, and not lost by cancelled waiters', async () => {
    const slots = new Slots(1);
    const first = await slots.acquire(never);
    const leaving = new AbortController();
    const gone = slots.acquire(leaving.signal);
    const staying = slots.acquire(never);
    leaving.abort();
    await expect(gone).rejects.toThrow(NoSlotError);
    await expect(slots.acquire(leaving.signal)).rejects.toThrow(NoSlotError);
    first();
    first();
    const second = await staying;
    second();
    await slots.acquire(never);
  });

  it('never exceed the limit, in any order of acquire, cancel and release', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.boolean(), { maxLength: 30 }),
        async (count, leaves) => {
          const slots = new Slots(count);
          let held = 0;
          let most = 0;
          await Promise.all(
            leaves.map(async (leave) => {
              const controller = new AbortController();
              const taking = slots.acquire(controller.signal);
              if (leave) controller.abort();
              const release = await taking.catch(() => undefined);
              if (release === undefined) return;
              held += 1;
              most = Math.max(most, held);
              await Promise.resolve();
              held -= 1;
              release();
            }),
          );
          expect(most).toBeLessThanOrEqual(count);
          const all = await Promise.all(Array.from({ length: count }, () => slots.acquire(never)));
          expect(all).toHaveLength(count);
        },
      ),
    );
  });
});
