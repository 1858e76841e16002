import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Governor, type Waiting } from '../../../src/checks/scheduler/governor.ts';

interface Numbered extends Waiting {
  readonly id: number;
}

const caps = fc.record({
  maxConcurrency: fc.integer({ min: 1, max: 9 }),
  maxPerHost: fc.integer({ min: 1, max: 5 }),
});

const step = fc.oneof(
  fc.record({
    do: fc.constant('enqueue' as const),
    host: fc.constantFrom('a', 'b', 'c'),
    at: fc.nat(1_000),
    fast: fc.boolean(),
  }),
  fc.record({ do: fc.constant('next' as const) }),
  fc.record({ do: fc.constant('release' as const), which: fc.nat(20) }),
  fc.record({ do: fc.constant('caps' as const), caps }),
);

/** Whether an entry fits beside the running ones; slow ones may have three quarters of the places. */
function hasPlace(entry: Waiting, running: readonly Waiting[], most: number): boolean {
  const slow = running.filter(({ fast }) => !fast).length;
  return running.length < most && (entry.fast || slow < most - Math.floor(most / 4));
}

describe('the governor', () => {
  it('picks the check that has been due longest among those whose host has a place, and loses none', () => {
    fc.assert(
      fc.property(caps, fc.array(step, { maxLength: 300 }), (first, steps) => {
        const governor = new Governor<Numbered>(first);
        const waiting: Numbered[] = [];
        const running: Numbered[] = [];
        let limits = first;
        for (const [id, one] of steps.entries()) {
          if (one.do === 'enqueue') {
            // no two are due at the same time: their order would be unspecified
            const entry = { id, host: one.host, at: one.at + id / 1_000, fast: one.fast };
            governor.enqueue(entry);
            waiting.push(entry);
          } else if (one.do === 'next') {
            const allowed = waiting
              .filter((entry) => hasPlace(entry, running, limits.maxConcurrency))
              .filter((entry) => {
                const there = running.filter(({ host }) => host === entry.host);
                return hasPlace(entry, there, limits.maxPerHost);
              })
              .sort((a, b) => a.at - b.at);
            const entry = governor.next();
            expect(entry).toBe(allowed[0]);
            if (entry === undefined) continue;
            waiting.splice(waiting.indexOf(entry), 1);
            running.push(entry);
          } else if (one.do === 'release') {
            const [entry] = running.splice(one.which % Math.max(1, running.length), 1);
            if (entry !== undefined) governor.release(entry);
          } else {
            limits = one.caps;
            governor.setCaps(limits);
          }
          expect([governor.running, governor.waiting]).toEqual([running.length, waiting.length]);
        }
      }),
      { numRuns: 500 },
    );
  });
});
