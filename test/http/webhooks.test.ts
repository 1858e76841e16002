import { createHmac } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { ServerConfig, WebhookConfig } from '../../src/config/types.ts';
import { Secret } from '../../src/domain/secret.ts';
import { BodyBudget } from '../../src/http/body-budget.ts';
import { createWebhookRoute } from '../../src/http/routes/webhooks.ts';
import { LedgerUnavailableError, type IntakeResult, type RawDelivery } from '../../src/ledger/ledger.ts';
import { serveHandlers, serverConfig, type HttpRig } from '../support/http/http-rig.ts';

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
  const refused: string[] = [];
  const budget = (fair: boolean) =>
    new BodyBudget({ max: () => setup.budget ?? 10_000_000, monotonic: () => performance.now(), fair });
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
    budget: budget(false),
    unauthenticatedBudget: budget(true),
    clientAddress: (request) => request.socket.remoteAddress ?? '',
    onDelivery: (webhook, outcome) => counted.push(`${webhook} ${outcome}`),
    onRefused: (webhook, address) => refused.push(`${webhook} ${address}`),
  });
  rig = await serveHandlers([route], server);
  const { http } = rig;
  /** As `fetch` does, with a type that says nothing about the text. */
  const post = (path: string, body: string, headers: Record<string, string> = {}) =>
    http
      .post(path)
      .set({ 'content-type': 'text/plain;charset=UTF-8', ...headers })
      .send(body);
  return { deliveries, counted, refused, http, post };
}

const PATH = '/api/webhooks/alertmanager';
const TOKENS: WebhookConfig[] = [
  { name: 'eu', tokens: [new Secret('eu-old'), new Secret('eu-new')] },
  { name: 'us', tokens: [new Secret('us-token')] },
];

describe('a delivery', () => {
  it('is handed to the ledger byte for byte and answered with its outcome', async () => {
    const { deliveries, counted, post } = await serve();
    const body = '{"version":"4","x":"é\\u003c"}\n';
    await post(PATH, body, { 'user-agent': 'Alertmanager/0.33.0' }).expect(200, {
      accepted: 2,
      duplicates: 1,
      quarantined: 0,
    });
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
  ])('is left to the ledger to judge when it is %s', async (_says, body) => {
    const intake = () =>
      Promise.resolve<IntakeResult>({
        outcome: 'malformed',
        pointer: '/alerts',
        detail: 'expected an array',
      });
    const { counted, post } = await serve({ intake });
    const response = await post(PATH, body)
      .expect(400)
      .expect('content-type', /application\/problem\+json/);
    expect(response.body).toMatchObject({
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
    const response = await post(PATH, '{}').expect(503).expect('retry-after', '5');
    expect(response.body).toMatchObject({ detail: 'the disk is full' });
    expect(counted).toEqual(['main unavailable']);
  });

  it('never causes a 500, whatever the intake throws', async () => {
    const { post } = await serve({ intake: () => Promise.reject(new TypeError('a bug')) });
    const response = await post(PATH, '{}').expect(503);
    expect(response.text).not.toContain('a bug');
    expect(rig?.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  it('is refused with 413 when it is too large, before it is read completely', async () => {
    const { deliveries, counted, post } = await serve({ config: { maxBodyBytes: 1_000 } });
    const response = await post(PATH, 'x'.repeat(5_000)).expect(413);
    expect(response.body).toMatchObject({
      detail: expect.stringContaining('server.max_body (1000 bytes)'),
    });
    expect(deliveries).toHaveLength(0);
    expect(counted).toEqual(['main too_large']);
  });

  it('is refused with 415 in an unknown encoding', async () => {
    const { post, deliveries } = await serve();
    await post(PATH, '{}', { 'content-encoding': 'snappy' }).expect(415);
    expect(deliveries).toHaveLength(0);
  });
});

describe('who may send deliveries', () => {
  it.each([
    ['a named entry with its token', `${PATH}/eu`, 'Bearer eu-new', { status: 200, webhook: 'eu' }],
    [
      'a named entry with its other valid token',
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
    ['an entry that does not exist', `${PATH}/asia`, 'Bearer us-token', { status: 404, webhook: undefined }],
  ])('%s', async (_says, path, authorization, { status, webhook }) => {
    const { deliveries, counted, post } = await serve({ webhooks: TOKENS });
    const response = await post(path, '{}', authorization === undefined ? {} : { authorization }).expect(
      status,
    );
    expect(deliveries[0]?.webhook).toBe(webhook);
    if (status === 401) {
      expect(response.get('www-authenticate')).toContain('Bearer');
      expect(counted[0]).toMatch(/unauthorized$/);
    }
  });

  it('refuses web pages of another origin, which a browser on this machine could be showing', async () => {
    const { deliveries, counted, post } = await serve();
    const headers = { origin: 'http://evil.example', 'content-type': 'text/plain' };
    await post(PATH, '{}', headers).expect(403);
    expect([deliveries.length, counted]).toEqual([0, ['_unknown unauthorized']]);
  });

  it('opens an entry without tokens to this machine only, and never on a listener off loopback', async () => {
    const { post, deliveries } = await serve({ listenShown: { host: '0.0.0.0', port: 1 } });
    await post(PATH, '{}').expect(401);
    expect(deliveries).toHaveLength(0);
  });
});

describe('an entry with tokens and a signature', () => {
  const HMAC = { secret: new Secret('s'), header: 'x-signature' };
  const both: WebhookConfig[] = [{ name: 'g', tokens: [new Secret('t')], hmac: HMAC }];
  const signed = { 'x-signature': createHmac('sha256', 's').update('{}').digest('hex') };
  const token = { authorization: 'Bearer t' };

  it.each(['alertmanager', 'grafana'])('needs both at the path of %s', async (sender) => {
    const { post, deliveries, refused } = await serve({ webhooks: both });
    for (const path of [`/api/webhooks/${sender}`, `/api/webhooks/${sender}/g`]) {
      await post(path, '{}', token).expect(401);
      await post(path, '{}', signed).expect(401);
      await post(path, '{"a":1}', { ...token, ...signed }).expect(401);
      await post(path, '{}', { ...token, ...signed }).expect(200);
    }
    expect([deliveries.length, refused.length]).toEqual([2, 6]);
  });

  it.each(['alertmanager', 'grafana'])(
    'needs its signature where it has no tokens, at the path of %s',
    async (sender) => {
      const { post } = await serve({ webhooks: [{ name: 'g', tokens: [], hmac: HMAC }] });
      await post(`/api/webhooks/${sender}/g`, '{}').expect(401);
      await post(`/api/webhooks/${sender}/g`, '{}', signed).expect(200);
    },
  );
});

describe('a delivery without a webhook name', () => {
  const open: WebhookConfig[] = [
    { name: 'a', tokens: [] },
    { name: 'b', tokens: [] },
  ];
  it('is refused where more than one entry could be meant, and lists them', async () => {
    const { post, deliveries } = await serve({ webhooks: open });
    const response = await post(PATH, '{}').expect(400);
    expect(response.body).toMatchObject({ detail: expect.stringContaining('a, b') });
    await post(`${PATH}/b`, '{}').expect(200);
    expect(deliveries.map(({ webhook }) => webhook)).toEqual(['b']);
  });

  it('goes to the entry whose token it carries, even if other entries have none', async () => {
    const { post, deliveries } = await serve({ webhooks: [...open, ...TOKENS] });
    await post(PATH, '{}', { authorization: 'Bearer us-token' }).expect(200);
    expect(deliveries.map(({ webhook }) => webhook)).toEqual(['us']);
  });
});

describe('a compressed delivery', () => {
  it('is read, counted by its decompressed size, and refused where its encoding is wrong', async () => {
    const { http, post, deliveries } = await serve({ config: { maxBodyBytes: 1_000 } });
    const send = (body: Buffer) =>
      http
        .post(PATH)
        .set({ 'content-encoding': 'gzip', 'content-type': 'application/octet-stream' })
        .send(body);
    await send(gzipSync('{"a":1}')).expect(200);
    expect(Buffer.from(deliveries[0]?.body ?? []).toString()).toBe('{"a":1}');
    await send(gzipSync('x'.repeat(100_000))).expect(413);
    await send(Buffer.from('{}')).expect(400);
    await post(PATH, '{}').expect(200);
  });
});

describe('uploads that stall', () => {
  const HMAC = { secret: new Secret('s'), header: 'x-signature' };
  const entries: WebhookConfig[] = [
    { name: 'grafana', tokens: [], hmac: HMAC },
    { name: 'am', tokens: [new Secret('t')] },
  ];
  const sockets: Socket[] = [];
  afterEach(() => sockets.splice(0).forEach((socket) => socket.destroy()));

  /** Announces the largest body allowed, and sends a part of it. */
  async function stall(path: string, headers: string, sent: number): Promise<void> {
    const socket = connect(rig?.port ?? 0, '127.0.0.1');
    sockets.push(socket.on('error', () => undefined));
    socket.write(`POST ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}Content-Length: 1000000\r\n\r\n`);
    await new Promise<void>((resolve) => socket.write('x'.repeat(sent), () => resolve()));
  }

  it('without a verified signature do not affect uploads with a token or other signed ones', async () => {
    const { post } = await serve({ webhooks: entries, budget: 1_000_000 });
    const signature = 'x-signature: 00\r\n';
    for (let i = 0; i < 8; i++) await stall('/api/webhooks/grafana/grafana', signature, 100_000);
    const body = 'x'.repeat(400_000);
    await post(`${PATH}/am`, body, { authorization: 'Bearer t' }).expect(200);
    const signed = { 'x-signature': createHmac('sha256', 's').update('{}').digest('hex') };
    await post('/api/webhooks/grafana/grafana', '{}', signed).expect(200);
  });

  it('hold the bytes they sent, not those they announced', async () => {
    const { post } = await serve({ webhooks: entries, budget: 1_000_000 });
    for (let i = 0; i < 8; i++) await stall(`${PATH}/am`, 'Authorization: Bearer t\r\n', 10);
    await post(`${PATH}/am`, 'x'.repeat(900_000), { authorization: 'Bearer t' }).expect(200);
  });
});
