import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TokenConfig, WebhookConfig } from '../../src/config/types.ts';
import { Secret } from '../../src/domain/secret.ts';
import { BodyBudget } from '../../src/http/body-budget.ts';
import { guardChange, guardPage, guardRead } from '../../src/http/middleware/access.ts';
import { createAcknowledgeRoute } from '../../src/http/routes/acknowledge.ts';
import { createAlertPageRoute } from '../../src/http/routes/alert-page.ts';
import { createQuarantineRoute } from '../../src/http/routes/quarantine.ts';
import { createWebhookRoute } from '../../src/http/routes/webhooks.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { webhookAlert, webhookPayload } from '../support/alerts/alerts.ts';
import { testReads } from '../support/http/reads.ts';
import { serveHandlers, serverConfig, type HttpRig } from '../support/http/http-rig.ts';
import { parseDelivery } from '../../src/alerts/parse-delivery.ts';
import { openTestStore, deliverTo, temporaryDirectory, type TestStore } from '../support/ledger/ledger.ts';

const ACK = '/api/v1/alerts/1/ack';
const FINGERPRINT = '00000000000000ab';
const HOSTILE = '<script>alert("x")</script>';
const NOW = Date.parse('2026-01-01T01:00:00Z');

let directory: ReturnType<typeof temporaryDirectory>;
let store: TestStore;
let rig: HttpRig;

/** The store's calls, as methods of the ledger. */
function ledgerOf({ calls }: TestStore) {
  return {
    intake: async (delivery) => calls.intake(delivery),
    alerts: async (query) => calls.alerts(query),
    acknowledge: async (id, acknowledgement) => calls.acknowledge({ id, acknowledgement }),
    unacknowledge: async (id, at) => calls.unacknowledge({ id, at }),
    quarantine: async (query) => calls.quarantine(query),
    quarantineEntry: async (id) => calls.quarantineEntry(id),
    dropQuarantined: async (id) => calls.dropQuarantined(id),
  } satisfies Partial<Ledger>;
}

async function serve(
  tokens: readonly TokenConfig[] = [],
  webhooks: readonly WebhookConfig[] = [],
  onResubmitted: (webhook: string) => void = () => undefined,
): Promise<void> {
  const config = serverConfig({ tokens });
  const ledger = ledgerOf(store);
  const budget = () => new BodyBudget({ max: () => 1_000, monotonic: () => NOW, fair: false });
  const [server, now, reads] = [() => config, () => NOW, testReads()];
  rig = await serveHandlers(
    [
      createAcknowledgeRoute({ ledger, now, guard: guardChange('ack', server) }),
      createQuarantineRoute({
        ledger,
        reads,
        now,
        read: guardRead('read', server),
        guard: guardChange('admin', server),
        parse: parseDelivery,
        onDelivery: onResubmitted,
      }),
      createAlertPageRoute({ ledger, reads, guard: guardPage(server) }),
      createWebhookRoute({
        server,
        webhooks: () => webhooks,
        ledger,
        now,
        budget: budget(),
        unauthenticatedBudget: budget(),
        clientAddress: () => '192.0.2.1',
        onDelivery: () => undefined,
        onRefused: () => undefined,
      }),
    ],
    config,
  );
}

type Method = 'get' | 'post' | 'put' | 'delete';

const send = (method: Method, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  rig.http[method](path)
    .set({ 'content-type': 'application/json', ...headers })
    .send(typeof body === 'string' ? body : JSON.stringify(body));

beforeEach(() => {
  directory = temporaryDirectory();
  store = openTestStore(join(directory.path, 'tocsin.db'));
});
afterEach(async () => {
  await rig.close();
  store.close();
  directory.remove();
});

const firing = () =>
  deliverTo(
    store,
    webhookPayload([
      webhookAlert(
        { alertname: 'A', severity: 'warning', note: HOSTILE },
        { fingerprint: FINGERPRINT, annotations: { summary: HOSTILE } },
      ),
    ]),
  );

describe('/api/v1/alerts/{id}/ack', () => {
  it('acknowledges an alert and withdraws the acknowledgement', async () => {
    await serve();
    await firing();
    const acknowledgement = { by: ' ops ', comment: 'on it', expires: '2h' };
    const given = await send('post', ACK, acknowledgement).expect(200);
    expect(given.body).toMatchObject({
      acknowledged: true,
      acknowledgement: { by: 'ops', comment: 'on it', expires: '2026-01-01T03:00:00.000Z' },
      unacknowledged_since: null,
    });
    const back = await send('delete', ACK).expect(200);
    expect(back.body).toMatchObject({ acknowledged: false, acknowledgement: null });
  });

  it.each([
    ['a missing name', {}, 400],
    ['an expiry in the past', { by: 'ops', expires: '2025-01-01T00:00:00Z' }, 400],
    ['an expiry beyond the calendar', { by: 'ops', expires: '99999999d' }, 400],
    ['an expiry that is not a time', { by: 'ops', expires: 'soon' }, 400],
    ['a comment that is not a string', { by: 'ops', comment: 5 }, 400],
    ['invalid JSON', '{', 400],
  ])('refuses %s', async (_what, body, status) => {
    await serve();
    await firing();
    await send('post', ACK, body).expect(status);
    expect(store.summary().open).toMatchObject([{ acknowledged: false }]);
  });

  it.each([
    ['invalid JSON', '{', 400, /^The body is not a valid JSON object: /],
    ['a body that is too large', { by: 'x'.repeat(70_000) }, 413, /^The body is larger than 64kb/],
  ])('reports what was expected instead of %s', async (_what, body, status, detail) => {
    await serve();
    const answer = await send('post', ACK, body).expect(status);
    expect(answer.body).toMatchObject({ detail: expect.stringMatching(detail) });
  });

  it('refuses unknown alerts, closed episodes and forms of other origins', async () => {
    await serve();
    await firing();
    await send('post', '/api/v1/alerts/9/ack', { by: 'ops' }).expect(404);
    await send('post', ACK, { by: 'ops' }, { 'content-type': 'text/plain' }).expect(415);
    const ended = webhookAlert({ alertname: 'A' }, { fingerprint: FINGERPRINT, status: 'resolved' });
    await deliverTo(store, webhookPayload([ended]));
    await send('post', ACK, { by: 'ops' }).expect(409);
  });

  it('requires a token with the scope where tokens are configured', async () => {
    await serve([
      { name: 'a', token: new Secret('may'), scopes: ['ack'] },
      { name: 'r', token: new Secret('reads'), scopes: ['read'] },
    ]);
    await firing();
    const as = (token: string) => ({ authorization: `Bearer ${token}` });
    await send('post', ACK, { by: 'o' }, as('reads')).expect(401);
    await send('post', ACK, { by: 'o' }, as('may')).expect(200);
  });
});

describe('the page of an alert', () => {
  it('shows the alert escaped, changes nothing, and allows no script but its own', async () => {
    await serve();
    await firing();
    const response = await rig.http.get(`/alerts/by-fingerprint/main/${FINGERPRINT}`).expect(200);
    const html = response.text;
    expect(html).not.toContain(HOSTILE);
    expect(html).toContain('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;');
    expect(html).toContain('data-url="/api/v1/alerts/1/ack"');
    const policy = response.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    expect(store.summary().open).toMatchObject([{ acknowledged: false }]);
    const other = await rig.http
      .get(`/alerts/by-fingerprint/main/${encodeURIComponent(HOSTILE)}`)
      .expect(404);
    expect(other.text).not.toContain('alert("x")');
  });

  it('lets a browser ask for the token where reading requires one', async () => {
    await serve([{ name: 'r', token: new Secret('reads'), scopes: ['read'] }]);
    await rig.http
      .get(`/alerts/by-fingerprint/main/${FINGERPRINT}`)
      .expect(401)
      .expect('www-authenticate', /Basic/);
  });
});

describe('/api/v1/quarantine', () => {
  it('lists, resubmits and drops entries', async () => {
    await serve();
    const bad = { ...webhookAlert({ alertname: 'B' }), labels: { a: 1 } };
    await deliverTo(store, webhookPayload([bad, webhookAlert({ alertname: 'C' })]));
    await deliverTo(store, 'no JSON');
    const list = (await send('get', '/api/v1/quarantine').expect(200)).body as {
      quarantine: { id: number }[];
    };
    expect(list.quarantine).toMatchObject([
      { pointer: '', body: 'no JSON', seen: 1 },
      { pointer: '/alerts/0/labels/a' },
    ]);
    const [whole, alert] = list.quarantine.map(({ id }) => `/api/v1/quarantine/${id}`);
    await send('post', `${alert ?? ''}/resubmit`).expect(422);
    await send('delete', whole ?? '').expect(204);
    await send('get', whole ?? '').expect(404);
    const good = Buffer.from(JSON.stringify(webhookPayload([webhookAlert({ alertname: 'D' })])));
    store.close();
    store = openTestStore(join(directory.path, 'tocsin.db'), {
      alertFunctions: { parse: () => ({ ok: false, pointer: '', detail: 'too new.' }) },
    });
    await deliverTo(store, good);
    store.close();
    store = openTestStore(join(directory.path, 'tocsin.db'));
    await rig.close();
    await serve();
    const newest = (await store.calls.quarantine({ limit: 10 })).find(({ detail }) => detail === 'too new.');
    await send('post', `/api/v1/quarantine/${newest?.id ?? 0}/resubmit`).expect(200, {
      accepted: 1,
      duplicates: 0,
      quarantined: 0,
    });
    expect(await store.calls.quarantineEntry(newest?.id ?? 0)).toBeUndefined();
  });
});

describe('unusual entries in the quarantine', () => {
  const list = async () => {
    const response = await send('get', '/api/v1/quarantine').expect(200);
    return response.body as { quarantine: Record<string, unknown>[] };
  };

  it('shows an entry without a body', async () => {
    await deliverTo(store, '');
    await deliverTo(store, 'no JSON');
    await serve();
    expect(await list()).toMatchObject({ quarantine: [{ body: 'no JSON' }, { body: '', size: 0 }] });
  });

  it('adds no new entry when a resubmitted delivery still cannot be read', async () => {
    const counted: string[] = [];
    const bad = { ...webhookAlert({ alertname: 'B' }), labels: { a: 1 } };
    await deliverTo(store, webhookPayload([webhookAlert({ alertname: 'C' }), bad]));
    await deliverTo(store, 'no JSON');
    await serve([], [], (webhook) => counted.push(webhook));
    const before = await list();
    expect(before.quarantine).toHaveLength(2);
    for (const { id } of before.quarantine) {
      await send('post', `/api/v1/quarantine/${String(id)}/resubmit`).expect(422);
    }
    expect(await list()).toEqual(before);
    expect(counted).toEqual([]);
    expect(await store.calls.deliveries({ limit: 10 })).toHaveLength(1);
  });
});

describe("Grafana's webhook", () => {
  const entry = {
    name: 'g',
    tokens: [],
    hmac: { secret: new Secret('s'), header: 'x-grafana-alerting-signature', timestampHeader: 'x-ts' },
  } satisfies WebhookConfig;
  const body = JSON.stringify({
    version: '1',
    alerts: [{ ...webhookAlert({ a: 'b' }), values: { B: 1.5 } }],
  });
  const sign = (time: number, secret = 's') => ({
    'x-ts': String(time),
    'x-grafana-alerting-signature': createHmac('sha256', secret).update(`${time}:${body}`).digest('hex'),
  });

  it.each<[Method, Record<string, string>, number]>([
    ['put', sign(NOW / 1_000), 200],
    ['post', sign(NOW / 1_000 - 290), 200],
    ['post', sign(NOW / 1_000 - 310), 401],
    ['post', sign(NOW / 1_000, 'other'), 401],
    ['post', { ...sign(NOW / 1_000), 'x-ts': String(NOW / 1_000 + 1) }, 401],
    ['post', {}, 401],
  ])('%s with %j is answered %i', async (method, headers, status) => {
    await serve([], [entry]);
    await send(method, '/api/webhooks/grafana/g', body, headers).expect(status);
    const slice = await store.calls.events({ limit: 5 });
    const events = 'gone' in slice ? [] : slice.events;
    expect(events).toHaveLength(status === 200 ? 1 : 0);
    if (status === 200) expect(JSON.parse(events[0]?.data ?? '')).toMatchObject({ values: { B: 1.5 } });
  });

  it('can be replayed without a timestamp header: a repeat is a duplicate, but after its resolve it reopens the alert', async () => {
    const { hmac } = entry;
    await serve([], [{ ...entry, hmac: { secret: hmac.secret, header: hmac.header } }]);
    const deliver = async (alert: object) => {
      const text = JSON.stringify({ version: '1', alerts: [alert] });
      const signature = createHmac('sha256', 's').update(text).digest('hex');
      const response = await send('post', '/api/webhooks/grafana/g', text, { [hmac.header]: signature });
      return response.body as object;
    };
    const firing = webhookAlert({ a: 'b' });
    const end = { ...firing, status: 'resolved', endsAt: '2026-01-01T00:30:00Z' };
    const [accepted, duplicate] = [{ accepted: 1 }, { duplicates: 1 }];
    expect(await deliver(firing)).toMatchObject(accepted);
    expect(await deliver(firing)).toMatchObject(duplicate);
    expect(await deliver(end)).toMatchObject(accepted);
    expect(await deliver(end)).toMatchObject(duplicate);
    expect(await deliver(firing)).toMatchObject(accepted);
    // a report about an earlier episode changes nothing
    expect(await deliver({ ...firing, startsAt: '2026-01-01T00:45:00Z' })).toMatchObject(accepted);
    expect(await deliver(end)).toMatchObject(duplicate);
    expect(await deliver(firing)).toMatchObject(duplicate);
    const slice = await store.calls.events({ limit: 10 });
    expect('gone' in slice ? [] : slice.events.map(({ type }) => type.replace('tocsin.alert.', ''))).toEqual([
      'fired',
      'resolved',
      'reopened',
      'implicit_resolve',
      'fired',
    ]);
  });
});
