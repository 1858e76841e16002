import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ByteMap } from '../../../../src/ledger/sqlite/episodes/byte-map.ts';

describe('ByteMap', () => {
  it('holds what a Map would hold', () => {
    const anyId = fc.oneof(
      fc.nat(10),
      fc.integer({ min: 4_090, max: 4_100 }),
      fc.nat(Number.MAX_SAFE_INTEGER),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(anyId, fc.nat(255)), { maxLength: 50 }), (steps) => {
        const map = new ByteMap();
        const model = new Map<number, number>();
        for (const [id, byte] of steps) {
          map.set(id, byte);
          model.set(id, byte);
          for (const [known, value] of model) expect(map.get(known)).toBe(value);
        }
        map.clear();
        for (const known of model.keys()) expect(map.get(known)).toBe(0);
      }),
    );
  });
});
