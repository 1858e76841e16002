import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { cloudEvent } from '../../src/ledger/cloud-event.ts';
import type { WireEvent } from '../../src/ledger/thread/protocol.ts';
import { webhookAlert, webhookPayload } from '../support/alerts/alerts.ts';
import { eventsOf, openTestStore, deliverTo, temporaryDirectory } from '../support/ledger/ledger.ts';

const wire: WireEvent = {
  offset: 7,
  type: 'tocsin.check.unhealthy',
  subject: 'a "b"',
  time: Date.UTC(2026, 0),
  data: '{"b":1, "a":1e3}',
};

/** The event as an object, written by JSON.stringify. */
function written({ offset, type, subject, time, data }: WireEvent): string {
  return JSON.stringify({
    specversion: '1.0',
    id: `e1-${offset}`,
    source: '/tocsin/n1',
    type,
    ...(subject === null ? {} : { subject }),
    time: new Date(time).toISOString(),
    datacontenttype: 'application/json',
    data: JSON.parse(data) as unknown,
  });
}

describe('an event as it is sent', () => {
  it('has the stored text as its data, unchanged', () => {
    expect(cloudEvent(wire, 'e1', 'n1')).toEqual({
      id: 'e1-7',
      type: 'tocsin.check.unhealthy',
      subject: 'a "b"',
      time: '2026-01-01T00:00:00.000Z',
      data: { a: 1_000, b: 1 },
      json:
        '{"specversion":"1.0","id":"e1-7","source":"/tocsin/n1","type":"tocsin.check.unhealthy",' +
        '"subject":"a \\"b\\"","time":"2026-01-01T00:00:00.000Z","datacontenttype":"application/json",' +
        '"data":{"b":1, "a":1e3}}',
    });
  });

  it('has no subject where there is none', () => {
    expect(cloudEvent({ ...wire, subject: null }, 'e1', 'n1').json).toContain(
      '"type":"tocsin.check.unhealthy","time"',
    );
  });

  it.each(['', '{', '{"a":1}}', '{"a":"\n"}', '{"a":1'])(
    'is not sent when its data is damaged: %j',
    (data) => {
      expect(() => cloudEvent({ ...wire, data }, 'e1', 'n1')).toThrow(SyntaxError);
    },
  );

  it('has the bytes that JSON.stringify writes, whatever its alert says', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom('__proto__', 'constructor', '1', '-0', '\ud800', '\u2028', '\t\n"\\', '\u007f'),
    );
    const texts = fc.dictionary(text, text, { maxKeys: 4, noNullPrototype: true });
    const anyAlert = fc.record({
      labels: texts,
      annotations: texts,
      values: fc.dictionary(text, fc.double(), { maxKeys: 3, noNullPrototype: true }),
      generatorURL: text,
      status: fc.constantFrom('firing', 'resolved'),
    });
    const anyDelivery = fc.record({
      alerts: fc.array(anyAlert, { minLength: 1, maxLength: 3 }),
      receiver: text,
      groupKey: text,
      routeLabels: texts,
      comment: text,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(anyDelivery, { maxLength: 4 }), async (deliveries) => {
        const directory = temporaryDirectory();
        const store = openTestStore(join(directory.path, 'x.db'));
        try {
          for (const { alerts, comment, ...more } of deliveries) {
            const all = alerts.map(({ labels, ...one }) => webhookAlert({ ...labels, alertname: 'A' }, one));
            await deliverTo(store, webhookPayload(all, more));
            const [episode] = await store.calls.alerts({ state: 'open', limit: 1 });
            const acknowledgement = { by: comment, comment, at: Date.UTC(2026, 0), expiresAt: undefined };
            if (episode !== undefined) await store.calls.acknowledge({ id: episode.id, acknowledgement });
            await store.calls.append([
              { type: 'tocsin.check.healthy', subject: comment, time: 1, data: { [comment]: alerts } },
            ]);
          }
          for (const event of await eventsOf(store))
            expect(cloudEvent(event, 'e1', 'n1').json).toBe(written(event));
        } finally {
          store.close();
          directory.remove();
        }
      }),
      { numRuns: 40 },
    );
  });
});
