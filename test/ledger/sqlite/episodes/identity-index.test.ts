import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { IdentityIndex } from '../../../../src/ledger/sqlite/episodes/identity-index.ts';

const anyKey = fc.record({
  webhook: fc.integer({ min: 1, max: 3 }),
  fingerprint: fc.constantFrom(0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 0x0123456789abcdefn, 2n ** 32n),
});
type Step = { webhook: number; fingerprint: bigint; id: number } | 'mark' | 'back' | 'apply';
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(anyKey, fc.nat(2 ** 40)).map(([key, id]) => ({ ...key, id })) },
  fc.constantFrom('mark', 'back', 'apply'),
);

describe('IdentityIndex', () => {
  it('holds what a Map would hold, even after rollbacks', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 80 }), (steps) => {
        const index = new IdentityIndex();
        let model = new Map<string, number>();
        let marks: { back: () => void; model: Map<string, number> }[] = [];
        for (const step of steps) {
          if (step === 'mark') {
            marks.push({ back: index.savepoint(), model: new Map(model) });
          } else if (step === 'back') {
            const mark = marks.pop();
            mark?.back();
            model = mark?.model ?? model;
          } else if (step === 'apply') {
            index.applyCommitted();
            marks = [];
          } else {
            index.set(step.webhook, step.fingerprint, step.id);
            model.set(`${step.webhook} ${step.fingerprint}`, step.id);
          }
          for (const [key, id] of model) {
            const [webhook = '', fingerprint = ''] = key.split(' ');
            expect(index.get(Number(webhook), BigInt(fingerprint))).toBe(id);
          }
        }
      }),
    );
  });

  it('grows, removes entries, and finds an alert of any webhook', () => {
    const index = new IdentityIndex();
    const COUNT = 20_000n;
    for (let i = 0n; i < COUNT; i++) index.load(1 + Number(i % 2n), i * 7n - 5n, Number(i) + 1);
    for (let i = 0n; i < COUNT; i += 3n) index.set(1 + Number(i % 2n), i * 7n - 5n, 0);
    for (let i = COUNT; i < 2n * COUNT; i++) index.set(1, i * 7n - 5n, Number(i) + 1);
    for (let i = 0n; i < COUNT; i++) {
      const expected = i % 3n === 0n ? 0 : Number(i) + 1;
      expect(index.get(1 + Number(i % 2n), i * 7n - 5n)).toBe(expected);
      expect(index.get(2 - Number(i % 2n), i * 7n - 5n)).toBe(0);
    }
    index.set(1, 2n, 9);
    expect([...index.inAllWebhooks(2n)].sort()).toEqual([2, 9]);
  });
});
