import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Governor, type Waiting } from '../../src/scheduler/governor.ts';

interface Numbered extends Waiting {
  readonly id: number;
}

type Step =
  | { readonly do: 'enqueue'; readonly host: string; readonly startBy: number }
  | { readonly do: 'next' | 'release' | 'late'; readonly now: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('enqueue' as const),
    host: fc.constantFrom('a', 'b', 'c'),
    startBy: fc.nat(100),
  }),
  fc.record({ do: fc.constantFrom('next' as const, 'release' as const, 'late' as const), now: fc.nat(100) }),
);

const caps = fc.record({
  maxConcurrency: fc.integer({ min: 1, max: 5 }),
  maxPerHost: fc.integer({ min: 1, max: 3 }),
});

describe('the governor', () => {
  it('keeps both caps and the length of the line, loses nobody, and hands out each once, in order for a host', () => {
    fc.assert(
      fc.property(
        caps,
        fc.integer({ min: 1, max: 8 }),
        fc.array(step, { maxLength: 200 }),
        (limits, max, steps) => {
          const governor = new Governor<Numbered>(limits, max);
          const waiting: Numbered[] = [];
          const running: Numbered[] = [];
          let id = 0;
          for (const one of steps) {
            if (one.do === 'enqueue') {
              const entry = { id: id++, host: one.host, startBy: one.startBy };
              const taken = governor.enqueue(entry);
              expect(taken).toBe(waiting.length < max);
              if (taken) waiting.push(entry);
            } else if (one.do === 'next') {
              const entry = governor.next();
              const allowed = waiting.filter(
                ({ host }) => running.filter((other) => other.host === host).length < limits.maxPerHost,
              );
              const may = running.length < limits.maxConcurrency && allowed.length > 0;
              expect(entry !== undefined).toBe(may);
              if (entry === undefined) continue;
              expect(waiting.find(({ host }) => host === entry.host)).toBe(entry);
              waiting.splice(waiting.indexOf(entry), 1);
              running.push(entry);
            } else if (one.do === 'late') {
              const late = governor.takeLate(one.now);
              expect(new Set(late)).toEqual(new Set(waiting.filter(({ startBy }) => one.now > startBy)));
              for (const entry of late) waiting.splice(waiting.indexOf(entry), 1);
            } else {
              const entry = running.shift();
              if (entry !== undefined) governor.release(entry);
            }
            expect([governor.running, governor.waiting]).toEqual([running.length, waiting.length]);
          }
        },
      ),
    );
  });
});
