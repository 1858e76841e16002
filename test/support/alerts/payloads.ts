import fc from 'fast-check';
import { webhookAlert, webhookPayload } from './alerts.ts';

/** Names and texts of a bounded set, so that the same alerts are repeated, and sometimes any text. */
const name = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom('alertname', 'instance', 'job', 'severity', 'téam.näme') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }) },
);
const text = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom('', 'a', 'b', 'critical', 'warning', 'Ünïcode ✓ 🚨') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
);
const wrong = fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.constantFrom('', null, 0, [], {}, '__proto__'));
const time = fc.oneof(
  fc.constantFrom(
    '0001-01-01T00:00:00Z',
    '2026-01-01T00:00:00.123456789+01:00',
    '2026-01-01T01:00:00-06:00',
    '2026-13-01T00:00:00Z',
    '9999-12-31T23:59:59.999999999Z',
  ),
  fc.integer({ min: 0, max: 5_000 }).map((second) => new Date(1.767e12 + second * 1_000).toISOString()),
);
const map = fc.oneof({ weight: 9, arbitrary: fc.dictionary(name, text, { maxKeys: 4 }) }, wrong);

/** Mostly valid, with each part sometimes something else. */
const alert = fc
  .record(
    {
      status: fc.oneof(
        { weight: 9, arbitrary: fc.constantFrom('firing', 'resolved') },
        { weight: 1, arbitrary: wrong },
      ),
      labels: map,
      annotations: map,
      startsAt: fc.oneof({ weight: 9, arbitrary: time }, { weight: 1, arbitrary: wrong }),
      endsAt: fc.oneof({ weight: 9, arbitrary: time }, { weight: 1, arbitrary: wrong }),
      fingerprint: fc.oneof(fc.constantFrom('', 'fac0861a85de433a', 'FAC0861A85DE433A'), wrong),
      values: fc.oneof(fc.constant(null), fc.dictionary(name, fc.double(), { maxKeys: 3 }), wrong),
      generatorURL: fc.constantFrom('', '?orgId=1', 'http://prometheus.example:9090/graph'),
    },
    { requiredKeys: ['status', 'labels', 'startsAt'] },
  )
  .map((one) => ({ ...webhookAlert({}), ...one }));

const payload = fc
  .tuple(
    fc.array(fc.oneof({ weight: 9, arbitrary: alert }, { weight: 1, arbitrary: wrong }), { maxLength: 4 }),
    fc.record(
      {
        version: fc.constantFrom('4', '1', '5', 4),
        status: fc.constantFrom('firing', 'resolved', 'nothing'),
        receiver: fc.constantFrom('tocsin', 'web\\.hook', ''),
        groupKey: fc.oneof(fc.constantFrom('{}:{}', '{}/{a=~"^(?:true)$"}:{a="b"}'), wrong),
        truncatedAlerts: fc.oneof(fc.nat(), wrong),
        notification_reason: fc.constantFrom('first notification', 'repeat interval elapsed', 7),
        commonLabels: map,
        routeLabels: map,
        externalURL: fc.constantFrom('http://a:9093', 'http://b:9093', ''),
        orgId: fc.nat(),
      },
      { requiredKeys: [] },
    ),
  )
  .map(([alerts, more]) => webhookPayload([], { status: 'firing', ...more, alerts }));

/** Bodies that fast-check generates, as bytes. */
export function samplePayloads(count: number, seed: number): Buffer[] {
  return fc.sample(payload, { numRuns: count, seed }).map((one) => Buffer.from(JSON.stringify(one)));
}

/** Fragments that are significant in JSON, or in an alert. */
const PIECES = [
  '"',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\\',
  '\u0000',
  'null',
  '1e999',
  '"__proto__":1,',
  '9',
  'é',
].map((piece) => Buffer.from(piece));

/**
 * Mutates a body: a byte changed, a fragment inserted, a part removed or repeated, or the end truncated.
 * @param random numbers of 32 bits
 */
export function mutate(body: Buffer, random: () => number): Buffer {
  if (body.length === 0) return body;
  const at = random() % body.length;
  const until = Math.min(body.length, at + 1 + (random() % 40));
  const [before, after] = [body.subarray(0, at), body.subarray(at)];
  switch (random() % 6) {
    case 0: {
      const changed = Buffer.from(body);
      changed[at] = random() & 0xff;
      return changed;
    }
    case 1:
      return Buffer.concat([before, PIECES[random() % PIECES.length] ?? before, after]);
    case 2:
      return Buffer.concat([before, body.subarray(until)]);
    case 3:
      return Buffer.concat([body.subarray(0, until), after]);
    case 4:
      return before;
    default: {
      // a digit for a digit keeps it a payload, of another time or alert
      const changed = Buffer.from(body);
      for (let i = at; i < body.length; i++) {
        const byte = changed[i] ?? 0;
        if (byte < 0x30 || byte > 0x39) continue;
        changed[i] = 0x30 + (random() % 10);
        break;
      }
      return changed;
    }
  }
}

/** xorshift32: the same numbers from the same seed, at almost no cost. */
export function numbersFrom(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}
