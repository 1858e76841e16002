import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { NetworkSet } from '../../src/domain/network.ts';
import {
  clientKey,
  ScrapeGate,
  type ScrapeDecision,
  type ScrapeGateLimits,
} from '../../src/http/scrape-gate.ts';
import { ManualClock } from '../support/manual-clock.ts';

const nobody = new NetworkSet([]);

function createGate(limits: Partial<ScrapeGateLimits> = {}, maxClients?: number) {
  const clock = new ManualClock();
  const gate = new ScrapeGate(
    { perSecond: 10, burst: 20, maxInFlight: 40, trusted: nobody, ...limits },
    { monotonic: () => clock.monotonic(), ...(maxClients !== undefined && { maxClients }) },
  );
  return { clock, gate };
}

/** Admits a request and releases it. */
function pass(gate: ScrapeGate, address: string): ScrapeDecision['kind'] {
  const decision = gate.admit(address);
  if (decision.kind === 'admitted') decision.release();
  return decision.kind;
}

describe('the gate', () => {
  it('admits a burst, then the rate, and reports when to retry', async () => {
    const { clock, gate } = createGate({ perSecond: 0.5, burst: 3 });
    expect([1, 2, 3].map(() => pass(gate, '192.0.2.1'))).toEqual(['admitted', 'admitted', 'admitted']);
    expect(gate.admit('192.0.2.1')).toEqual({ kind: 'limited', retryAfterSeconds: 2 });
    await clock.advance(1_500);
    expect(gate.admit('192.0.2.1')).toEqual({ kind: 'limited', retryAfterSeconds: 1 });
    await clock.advance(500);
    expect(pass(gate, '192.0.2.1')).toBe('admitted');
    expect(pass(gate, '192.0.2.1')).toBe('limited');
  });

  it('gives every address its own bucket, and all of an IPv6 /64 one', () => {
    const { gate } = createGate({ burst: 1 });
    expect(pass(gate, '192.0.2.1')).toBe('admitted');
    expect(pass(gate, '192.0.2.2')).toBe('admitted');
    expect(pass(gate, '::ffff:192.0.2.2')).toBe('limited');
    expect(pass(gate, '2001:db8:0:1::1')).toBe('admitted');
    expect(pass(gate, '2001:db8:0:1:ffff::2')).toBe('limited');
    expect(pass(gate, '2001:db8:0:2::1')).toBe('admitted');
  });

  it('reports overload beyond its places, and frees a place only once', () => {
    const { gate } = createGate({ maxInFlight: 2 });
    const [one, two] = [gate.admit('192.0.2.1'), gate.admit('192.0.2.2')];
    expect(gate.inFlight).toBe(2);
    expect(gate.admit('192.0.2.3')).toEqual({ kind: 'overloaded', retryAfterSeconds: 1 });
    if (one.kind !== 'admitted' || two.kind !== 'admitted') throw new Error('both should be in');
    one.release();
    one.release();
    expect(gate.inFlight).toBe(1);
    expect(pass(gate, '192.0.2.3')).toBe('admitted');
  });

  it('keeps four places for trusted networks, whatever the others do', () => {
    const { gate } = createGate({ maxInFlight: 10, trusted: new NetworkSet(['198.51.100.0/24']) });
    const flood = Array.from({ length: 50 }, (_, i) => gate.admit(`192.0.2.${i}`).kind);
    expect(flood.filter((kind) => kind === 'admitted')).toHaveLength(6);
    const trusted = Array.from({ length: 6 }, (_, i) => gate.admit(`198.51.100.${i}`).kind);
    expect(trusted).toEqual(['admitted', 'admitted', 'admitted', 'admitted', 'overloaded', 'overloaded']);
  });

  it('leaves at least one place to all others', () => {
    const { gate } = createGate({ maxInFlight: 2, trusted: new NetworkSet(['198.51.100.0/24']) });
    expect(gate.admit('192.0.2.1').kind).toBe('admitted');
    expect(gate.admit('192.0.2.2').kind).toBe('overloaded');
  });

  it('remembers a bounded number of the newest clients, and trusted ones separately', () => {
    const { gate } = createGate({ burst: 1, trusted: new NetworkSet(['198.51.100.1']) }, 2);
    expect(pass(gate, '198.51.100.1')).toBe('admitted');
    expect(['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((address) => pass(gate, address))).toEqual([
      'admitted',
      'admitted',
      'admitted',
    ]);
    expect(pass(gate, '192.0.2.3')).toBe('limited');
    expect(pass(gate, '192.0.2.2')).toBe('limited');
    // forgotten, since it is the least recently used
    expect(pass(gate, '192.0.2.1')).toBe('admitted');
    expect(pass(gate, '198.51.100.1')).toBe('limited');
  });

  it('applies new limits from then on', () => {
    const { gate } = createGate({ maxInFlight: 1 });
    gate.admit('192.0.2.1');
    expect(gate.admit('192.0.2.1').kind).toBe('overloaded');
    gate.configure({ perSecond: 10, burst: 20, maxInFlight: 2, trusted: nobody });
    expect(gate.admit('192.0.2.1').kind).toBe('admitted');
  });

  it('refuses limits that would admit no one', () => {
    expect(() => createGate({ perSecond: 0 })).toThrow(RangeError);
    expect(() => createGate({ burst: 0 })).toThrow(RangeError);
  });
});

describe('the bucket of a client', () => {
  it('admits exactly what a token bucket would, for any arrivals', async () => {
    const arrivals = fc.array(fc.nat(400), { maxLength: 60 });
    const limits = fc.record({
      perSecond: fc.constantFrom(1, 2, 4, 5, 10),
      burst: fc.integer({ min: 1, max: 8 }),
    });
    await fc.assert(
      fc.asyncProperty(limits, arrivals, async ({ perSecond, burst }, gaps) => {
        const { clock, gate } = createGate({ perSecond, burst });
        // the model counts thousandths of a token, so that it cannot round
        let tokens = burst * 1_000;
        for (const gap of gaps) {
          await clock.advance(gap);
          tokens = Math.min(burst * 1_000, tokens + gap * perSecond);
          const decision = gate.admit('192.0.2.1');
          expect(decision.kind).toBe(tokens >= 1_000 ? 'admitted' : 'limited');
          if (decision.kind === 'admitted') {
            tokens -= 1_000;
            decision.release();
          } else {
            expect(decision.retryAfterSeconds).toBe(Math.ceil((1_000 - tokens) / perSecond / 1_000));
          }
        }
        expect(gate.inFlight).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});

describe('the key of a client', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::1', '0:0:0:0::/64'],
    ['2001:DB8::1', '2001:db8:0:0::/64'],
    ['2001:0db8:0000:0001:0002:0003:0004:0005', '2001:db8:0:1::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['1:2:3:4:5:6:192.0.2.1', '1:2:3:4::/64'],
    ['1:2:3::8', '1:2:3:0::/64'],
    ['::2:3:4:5:6:7:8', '0:2:3:4::/64'],
    ['', ''],
  ])('of %j is %j', (address, key) => {
    expect(clientKey(address)).toBe(key);
  });
});
