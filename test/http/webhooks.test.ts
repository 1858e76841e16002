import { afterEach, describe, expect, it } from '@jest/globals';
import type { ServerConfig, WebhookConfig } from '../../src/config/types.ts';
import { Secret } from '../../src/domain/secret.ts';
import { BodyBudget } from '../../src/http/body.ts';
import { createWebhookRoute } from '../../src/http/routes/webhooks.ts';
import { LedgerUnavailableError, type IntakeResult, type RawDelivery } from '../../src/ledger/ledger.ts';
import { serveHandlers, serverConfig, type HttpRig } from '../support/http-rig.ts';

const ACCEPTED: IntakeResult = {
  outcome: 'accepted',
  accepted: 2,
  duplicates: 1,
  quarantined: 0,
  transitions: { fired: 2 },
  lagSeconds: [1, 2],
};

let rig: HttpRig | undefined;
afterEach(async () => {
  await rig?.close();
  rig = undefined;
});

interface Setup {
  readonly webhooks?: readonly WebhookConfig[];
  readonly config?: Partial<ServerConfig>;
  readonly listenShown?: ServerConfig['listen'];
  readonly budget?: number;
  readonly intake?: (delivery: RawDelivery) => Promise<IntakeResult>;
}

async function serve(setup: Setup = {}) {
  const server = serverConfig(setup.config);
  const deliveries: RawDelivery[] = [];
  const counted: string[] = [];
  const route = createWebhookRoute({
    server: () => ({ ...server, ...(setup.listenShown && { listen: setup.listenShown }) }),
    webhooks: () => setup.webhooks ?? [{ name: 'main', tokens: [] }],
    ledger: {
      intake: (delivery) => {
        deliveries.push(delivery);
        return setup.intake?.(delivery) ?? Promise.resolve(ACCEPTED);
      },
    },
    now: () => 1_000,
    budget: new BodyBudget(() => setup.budget ?? 10_000_000),
    clientAddress: (request) => request.socket.remoteAddress ?? '',
    onDelivery: (webhook, outcome) => counted.push(`${webhook} ${outcome}`),
  });
  rig = await serveHandlers([route], server);
  const post = (path: string, body: string, headers: Record<string, string> = {}) =>
    fetch(`${rig?.url ?? ''}${path}`, { method: 'POST', body, headers });
  return { deliveries, counted, post };
}

const PATH = '/api/webhooks/alertmanager';
const TOKENS: WebhookConfig[] = [
  { name: 'eu', tokens: [new Secret('eu-old'), new Secret('eu-new')] },
  { name: 'us', tokens: [new Secret('us-token')] },
];

describe('a delivery', () => {
  it('is handed to the ledger byte for byte and answered with what became of it', async () => {
    const { deliveries, counted, post } = await serve();
    const body = '{"version":"4","x":"é\\u003c"}\n';
    const response = await post(PATH, body, { 'user-agent': 'Alertmanager/0.33.0' });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ accepted: 2, duplicates: 1, quarantined: 0 });
    expect(Buffer.from(deliveries[0]?.body ?? []).toString()).toBe(body);
    expect(deliveries[0]).toMatchObject({
      webhook: 'main',
      receivedAt: 1_000,
      source: '127.0.0.1',
      userAgent: 'Alertmanager/0.33.0',
    });
    expect(counted).toEqual(['main accepted']);
  });

  it.each([
    ['empty', ''],
    ['text', 'hello'],
  ])("is the ledger's to judge when it is %s", async (_says, body) => {
    const intake = () =>
      Promise.resolve<IntakeResult>({
        outcome: 'malformed',
        pointer: '/alerts',
        detail: 'expected an array',
      });
    const { counted, post } = await serve({ intake });
    const response = await post(PATH, body);
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(await response.json()).toMatchObject({
      status: 400,
      pointer: '/alerts',
      detail: 'expected an array',
    });
    expect(counted).toEqual(['main malformed']);
  });

  it('is answered 503 with Retry-After when the ledger cannot store it', async () => {
    const { counted, post } = await serve({
      intake: () => Promise.reject(new LedgerUnavailableError('the disk is full')),
    });
    const response = await post(PATH, '{}');
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('5');
    expect(await response.json()).toMatchObject({ detail: 'the disk is full' });
    expect(counted).toEqual(['main unavailable']);
  });

  it('never ends in a 500, whatever the intake throws', async () => {
    const { post } = await serve({ intake: () => Promise.reject(new TypeError('a bug')) });
    const response = await post(PATH, '{}');
    expect(response.status).toBe(503);
    expect(await response.text()).not.toContain('a bug');
    expect(rig?.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  it('is refused with 413 when it is too large, before all of it is read', async () => {
    const { deliveries, counted, post } = await serve({ config: { maxBodyBytes: 1_000 } });
    const response = await post(PATH, 'x'.repeat(5_000));
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({
      detail: expect.stringContaining('server.max_body (1000 bytes)'),
    });
    expect(deliveries).toHaveLength(0);
    expect(counted).toEqual(['main too_large']);
  });

  it('is refused with 415 in an encoding that nobody knows', async () => {
    const { post, deliveries } = await serve();
    const response = await post(PATH, '{}', { 'content-encoding': 'snappy' });
    expect(response.status).toBe(415);
    expect(deliveries).toHaveLength(0);
  });
});

describe('who may deliver', () => {
  it.each([
    ['a named entry with its token', `${PATH}/eu`, 'Bearer eu-new', { status: 200, webhook: 'eu' }],
    [
      'a named entry with its other live token',
      `${PATH}/eu`,
      'Bearer eu-old',
      { status: 200, webhook: 'eu' },
    ],
    ['the entry whose token matches', PATH, 'Bearer us-token', { status: 200, webhook: 'us' }],
    [
      'a token as a basic password',
      PATH,
      `Basic ${Buffer.from('am:us-token').toString('base64')}`,
      { status: 200, webhook: 'us' },
    ],
    ['the token of another entry', `${PATH}/eu`, 'Bearer us-token', { status: 401, webhook: undefined }],
    ['no token', `${PATH}/eu`, undefined, { status: 401, webhook: undefined }],
    ['a wrong token without a name', PATH, 'Bearer wrong', { status: 401, webhook: undefined }],
    ['an entry that there is not', `${PATH}/asia`, 'Bearer us-token', { status: 404, webhook: undefined }],
  ])('%s', async (_says, path, authorization, { status, webhook }) => {
    const { deliveries, counted, post } = await serve({ webhooks: TOKENS });
    const response = await post(path, '{}', authorization === undefined ? {} : { authorization });
    expect(response.status).toBe(status);
    expect(deliveries[0]?.webhook).toBe(webhook);
    if (status === 401) {
      expect(response.headers.get('www-authenticate')).toContain('Bearer');
      expect(counted[0]).toMatch(/unauthorized$/);
    }
  });

  it('no web page of another origin may, which a browser on this machine could be showing', async () => {
    const { deliveries, counted, post } = await serve();
    const headers = { origin: 'http://evil.example', 'content-type': 'text/plain' };
    expect((await post(PATH, '{}', headers)).status).toBe(403);
    expect([deliveries.length, counted]).toEqual([0, ['_unknown unauthorized']]);
  });

  it('an entry without tokens is open to this machine only, and never on a listener off loopback', async () => {
    const { post, deliveries } = await serve({ listenShown: { host: '0.0.0.0', port: 1 } });
    expect((await post(PATH, '{}')).status).toBe(401);
    expect(deliveries).toHaveLength(0);
  });
});
