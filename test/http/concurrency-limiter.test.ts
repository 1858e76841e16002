import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ConcurrencyLimiter } from '../../src/http/concurrency-limiter.ts';

const LIMITS = { max: 8, maxPerAddress: 3, reserved: 2 };

function enter(places: ConcurrencyLimiter, address: string, authenticated = false) {
  const decision = places.acquire({ address, authenticated });
  return decision.kind === 'admitted' ? decision.release : decision.kind;
}

describe('the places for requests in flight', () => {
  it('give one address its share and leave the rest to other addresses', () => {
    const places = new ConcurrencyLimiter(() => LIMITS);
    const leaves = [1, 2, 3].map(() => enter(places, '192.0.2.1'));
    expect(enter(places, '192.0.2.1')).toBe('limited');
    expect(enter(places, '192.0.2.2')).toBeInstanceOf(Function);
    const [leave] = leaves;
    if (typeof leave === 'function') leave();
    expect(enter(places, '192.0.2.1')).toBeInstanceOf(Function);
  });

  it('count one /64 of IPv6 as one address', () => {
    const places = new ConcurrencyLimiter(() => LIMITS);
    for (const last of ['1', '2', '3']) enter(places, `2001:db8::${last}`);
    expect(enter(places, '2001:db8::4')).toBe('limited');
    expect(enter(places, '2001:db8:0:1::4')).toBeInstanceOf(Function);
  });

  it('keep a share for clients with a valid token', () => {
    const places = new ConcurrencyLimiter(() => LIMITS);
    for (let i = 0; i < 6; i++) expect(enter(places, `192.0.2.${i}`)).toBeInstanceOf(Function);
    expect(enter(places, '192.0.2.7')).toBe('overloaded');
    expect(enter(places, '192.0.2.7', true)).toBeInstanceOf(Function);
    expect(enter(places, '192.0.2.8', true)).toBeInstanceOf(Function);
    expect(enter(places, '192.0.2.9', true)).toBe('overloaded');
  });

  it('never exceed the limit and are all released, whoever comes and goes', () => {
    const step = fc.record({
      address: fc.integer({ min: 1, max: 5 }),
      proven: fc.boolean(),
      leaves: fc.nat(9),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const places = new ConcurrencyLimiter(() => LIMITS);
        const inside: { address: number; proven: boolean; leave: () => void }[] = [];
        for (const { address, proven: authenticated, leaves } of steps) {
          const decision = places.acquire({ address: `192.0.2.${address}`, authenticated });
          const own = inside.filter((one) => one.address === address).length;
          if (decision.kind === 'admitted')
            inside.push({ address, proven: authenticated, leave: decision.release });
          else if (decision.kind === 'limited') expect(own).toBe(LIMITS.maxPerAddress);
          else expect(inside.length).toBeGreaterThanOrEqual(authenticated ? 8 : 6);
          for (const { leave } of inside.splice(0, Math.max(0, leaves - 6))) {
            leave();
            leave();
          }
          expect(places.inUse).toBe(inside.length);
          expect(inside.length).toBeLessThanOrEqual(LIMITS.max);
        }
        for (const { leave } of inside) leave();
        expect(places.inUse).toBe(0);
      }),
    );
  });
});
