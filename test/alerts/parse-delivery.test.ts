import { describe, expect, it } from '@jest/globals';
import type { Delivery } from '../../src/alerts/delivery.ts';
import { parseDelivery, parseInSlices } from '../../src/alerts/parse-delivery.ts';
import { deliveryId } from '../../src/alerts/delivery-id.ts';
import { webhookAlert, webhookPayload } from '../support/alerts/alerts.ts';

const bytes = (value: unknown): Uint8Array =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

function parsed(value: unknown, parse = parseDelivery): Delivery {
  const result = parse(bytes(value));
  if (!result.ok) throw new Error(`${result.pointer}: ${result.detail}`);
  return result.delivery;
}

const inSlices: typeof parseDelivery = (body) => {
  const slices = parseInSlices(body);
  for (;;) {
    const { done, value } = slices.next();
    if (done === true) return value;
  }
};

function refused(value: string | Uint8Array | object): { pointer: string; detail: string } {
  const result = parseDelivery(value instanceof Uint8Array ? value : bytes(value));
  if (result.ok) throw new Error('it was read');
  return { pointer: result.pointer, detail: result.detail };
}

const up = webhookAlert({ alertname: 'Up' });
const manyLabels = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`l${i}`, 'x']));

describe('parseDelivery', () => {
  it("reads Alertmanager's payload", () => {
    const delivery = parsed(
      webhookPayload([{ ...up, fingerprint: 'ABCDEF0123456789', endsAt: '2026-01-01T01:00:00+01:00' }], {
        receiver: 'web\\.hook\\+\\\\',
        truncatedAlerts: 3,
        notification_reason: 'repeat interval elapsed',
        routeLabels: { team: 'ai' },
      }),
    );
    expect(delivery).toMatchObject({
      receiver: 'web.hook+\\',
      status: 'firing',
      truncatedAlerts: 3,
      notificationReason: 'repeat interval elapsed',
      routeLabels: { team: 'ai' },
      rejected: [],
    });
    expect(delivery.alerts).toEqual([
      {
        status: 'firing',
        labels: { alertname: 'Up' },
        annotations: { summary: 'Up fires' },
        startsAt: { ns: 1767225600123456789n, text: '2026-01-01T00:00:00.123456789Z' },
        endsAt: { ns: 1767225600000000000n, text: '2026-01-01T01:00:00+01:00' },
        generatorUrl: 'http://prometheus.example:9090/graph',
        fingerprint: 'abcdef0123456789',
      },
    ]);
  });

  it("reads Grafana's superset", () => {
    const delivery = parsed(
      webhookPayload(
        [{ ...up, values: null, valueString: '', silenceURL: '', dashboardURL: '', imageURL: 'x' }],
        {
          version: '1',
          orgId: 1,
          title: '[FIRING:1]',
          state: 'alerting',
          message: 'm',
        },
      ),
    );
    expect(delivery.alerts).toHaveLength(1);
  });

  it.each<[string, Record<string, unknown>]>([
    ['null annotations', { annotations: null }],
    ['no annotations', { annotations: undefined }],
    ['no generatorURL', { generatorURL: undefined }],
    ['a relative generatorURL', { generatorURL: '?orgId=1' }],
    ['no alertname', { labels: { job: 'x' } }],
    ['null labels', { labels: null }],
    ['a UTF-8 label name', { labels: { 'größe.in m²': '1', '🔥': '', '00': 'x' } }],
    ['no endsAt', { endsAt: undefined }],
    ['an endsAt of year 1', { endsAt: '0001-01-01T00:00:00Z' }],
    ['an endsAt of year 9999', { endsAt: '9999-12-31T23:59:59Z' }],
    ['an empty fingerprint', { fingerprint: '' }],
    ['an invalid fingerprint', { fingerprint: 'deadbeef' }],
    ['unknown fields', { whatever: { deep: [1, 2] } }],
  ])('accepts an alert with %s', (_what, change) => {
    const delivery = parsed(webhookPayload([{ ...up, ...change }]));
    expect(delivery.rejected).toEqual([]);
    expect(delivery.alerts[0]?.fingerprint).toMatch(/^[0-9a-f]{16}$/);
  });

  it('recomputes a missing fingerprint', () => {
    expect(parsed(webhookPayload([webhookAlert({ foo: 'bar' })])).alerts[0]?.fingerprint).toBe(
      '3fff2c2d7595e046',
    );
  });

  it.each<[string, Record<string, unknown>, string, RegExp]>([
    [
      'a number as label',
      { labels: { a: 'x', 'b/~c': 5 } },
      '/labels/b~1~0c',
      /^5 was given; expected a string/,
    ],
    ['a boolean as annotation', { annotations: { a: true } }, '/annotations/a', /^true was given/],
    ['labels in a list', { labels: [] }, '/labels', /^An array was given/],
    [
      'an unknown status',
      { status: 'pending' },
      '/status',
      /^"pending" was given; expected "firing" or "resolved"/,
    ],
    ['no start', { startsAt: undefined }, '/startsAt', /^Nothing was given; expected the time/],
    ['a start in year 1', { startsAt: '0001-01-01T00:00:00Z' }, '/startsAt', /was given/],
    ['a start that is not a time', { startsAt: 'yesterday' }, '/startsAt', /"yesterday"/],
    ['an end that is not a time', { endsAt: 7 }, '/endsAt', /^7 was given/],
  ])('refuses an alert with %s, and accepts its neighbours', (_what, change, pointer, detail) => {
    const { alerts, rejected: out } = parsed(webhookPayload([up, { ...up, ...change }, up]));
    expect(alerts).toHaveLength(2);
    expect(out).toEqual([
      expect.objectContaining({ pointer: `/alerts/1${pointer}`, detail: expect.stringMatching(detail) }),
    ]);
  });

  it('keeps the alerts where only their metadata is invalid', () => {
    const odd = {
      receiver: 5,
      groupKey: null,
      truncatedAlerts: -1,
      status: 'odd',
      groupLabels: 'x',
      version: 7,
    };
    expect(parsed(webhookPayload([up], odd))).toMatchObject({
      receiver: '',
      groupKey: '',
      truncatedAlerts: 0,
      status: 'firing',
    });
    expect(parsed({ alerts: [] }).alerts).toEqual([]);
  });

  it.each<[string, string | Uint8Array | object, string, RegExp]>([
    ['an empty body', '', '', /empty/],
    ['invalid JSON', '{"alerts":', '', /not JSON/],
    ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), '', /not valid UTF-8/],
    ['a list', [], '', /an object with an array `alerts`/],
    ['a string', '"hello"', '', /an object with an array `alerts`/],
    ['a custom payload', { text: 'alert!' }, '/alerts', /custom `payload`/],
    [
      "Grafana's legacy alerting",
      { title: '[Alerting] a', ruleId: 1, ruleName: 'a', state: 'alerting', evalMatches: [] },
      '',
      /legacy alerting/,
    ],
    [
      'a test of legacy alerting',
      { ruleName: 'Test notification', state: 'alerting' },
      '',
      /legacy alerting/,
    ],
    ['alerts that are not a list', { alerts: {} }, '/alerts', /expected an array/],
    ['deep nesting', `{"alerts":[],"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, '', /nested deeper/],
    ['countless values', `{"alerts":[],"x":[${'{},'.repeat(1_000_001)}{}]}`, '', /objects and arrays/],
  ])('refuses %s', (_what, body, pointer, detail) => {
    expect(refused(body)).toEqual({ pointer, detail: expect.stringMatching(detail) });
  });

  it.each([
    ['the body', '"__proto__":{"admin":true}'],
    ['an unknown field', '"extra":{"prototype":{"admin":true}}'],
    ['groupLabels', '"groupLabels":{"__proto__":"x","admin":"y"}'],
    ['commonLabels', '"commonLabels":{"constructor":"x","admin":"y"}'],
    ['commonAnnotations', '"commonAnnotations":{"prototype":"x"}'],
    ['routeLabels', '"routeLabels":{"__proto__":"x","admin":"y"}'],
    ['routeLabels, which are far too many,', `"routeLabels":${JSON.stringify(manyLabels)}`],
  ])('accepts all alerts despite a crafted name in %s', (_what, member) => {
    for (const parse of [parseDelivery, inSlices]) {
      const body = `{${member},"alerts":[${JSON.stringify(up)}]}`;
      const { alerts, rejected: out, routeLabels } = parsed(body, parse);
      expect([alerts.length, out, routeLabels]).toEqual([1, [], {}]);
    }
    expect({}).not.toHaveProperty('admin');
  });

  describe('a crafted alert', () => {
    const crafted: [string, string, string][] = [
      ['a hundred thousand labels', JSON.stringify({ ...up, labels: manyLabels }), '/alerts/0/labels'],
      [
        '__proto__ as label',
        JSON.stringify(up).replace('"alertname"', '"__proto__"'),
        '/alerts/0/labels/__proto__',
      ],
      [
        'constructor as annotation',
        JSON.stringify(up).replace('"summary"', '"constructor"'),
        '/alerts/0/annotations/constructor',
      ],
      ['__proto__ as field', JSON.stringify(up).replace('{', '{"__proto__":{"x":1},'), '/alerts/0/__proto__'],
    ];

    it.each(crafted)('(%s) is refused as a whole', (_what, alert, pointer) => {
      expect(refused(`{"alerts":[${alert}]}`).pointer).toBe(pointer);
      expect(Object.prototype).not.toHaveProperty('x');
    });

    it.each(crafted)('(%s) does not affect its neighbours', (_what, alert) => {
      const delivery = parsed(`{"alerts":[${alert},${JSON.stringify(up)}]}`);
      expect(delivery.alerts).toHaveLength(1);
      expect(delivery.rejected).toHaveLength(1);
    });
  });
});

describe('deliveryId', () => {
  const id = (value: unknown, webhook = 'main') =>
    Buffer.from(deliveryId(webhook, parsed(value))).toString('hex');

  it('is the same for the same alerts in any order and encoding, whatever their annotations', () => {
    const [a, b] = [webhookAlert({ alertname: 'A<' }), webhookAlert({ alertname: 'B' })];
    const escaped = JSON.stringify(webhookPayload([b, { ...a, annotations: {} }])).replaceAll('<', '\\u003c');
    expect(id(escaped)).toBe(id(webhookPayload([a, b])));
  });

  it('differs with webhook, receiver, group, status, start and truncation', () => {
    const base = webhookPayload([up]);
    const others = [
      { receiver: 'x' },
      { groupKey: 'x' },
      { truncatedAlerts: 1 },
      { alerts: [{ ...up, status: 'resolved' }] },
      { alerts: [{ ...up, startsAt: '2026-01-01T00:00:00.123456788Z' }] },
    ].map((change) => id({ ...base, ...change }));
    expect(new Set([id(base), id(base, 'other'), ...others]).size).toBe(7);
  });
});
