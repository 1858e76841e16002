import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { webhookAlert, webhookPayload } from '../support/alerts/alerts.ts';
import { ServerSet } from '../support/servers/server-set.ts';
import { startTocsin, temporaryFolder, type RunningTocsin } from '../support/processes/tocsin.ts';
import { until } from '../support/until.ts';

const folder = temporaryFolder();
const servers = new ServerSet();
const sockets: Socket[] = [];
let tocsin: RunningTocsin;

beforeAll(async () => {
  const silent = { query_response: [{ expect: 'never' }] };
  const modules = {
    silent: { prober: 'tcp', timeout: '60s', tcp: silent },
    port: { prober: 'tcp', timeout: '60s' },
  };
  writeFileSync(join(folder.path, 'blackbox.yml'), JSON.stringify({ modules }));
  writeFileSync(join(folder.path, 'token'), 'sesame');
  writeFileSync(join(folder.path, 'hmac'), 'key');
  const config = {
    host: { enabled: false },
    server: { max_connections_per_address: 256 },
    probe_endpoint: { modules_file: 'blackbox.yml', max_concurrency: 8 },
    webhooks: [
      { name: 'am', token_files: ['token'] },
      { name: 'grafana', hmac: { secret_file: 'hmac', header: 'X-Signature' } },
    ],
  };
  tocsin = await startTocsin({ config: JSON.stringify(config), folder: folder.path });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await servers.close();
});
afterAll(async () => {
  await tocsin.stop();
  await folder[Symbol.asyncDispose]();
});

/** A connection from a loopback address, and what was received on it so far. */
function connection(from: string): { readonly socket: Socket; readonly received: () => string } {
  const socket = connect({ port: Number(new URL(tocsin.url).port), host: '127.0.0.1', localAddress: from });
  let received = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
  sockets.push(socket.on('error', () => undefined));
  return { socket, received: () => received };
}

interface Sending {
  readonly from?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** One request over a new connection. @returns its status, `Retry-After` and body */
function ask(method: string, path: string, { from = '127.0.0.1', headers = {}, body = '' }: Sending = {}) {
  return new Promise<{ status: number; retryAfter: string | undefined; text: string }>((resolve, reject) => {
    const options = { method, localAddress: from, agent: false, headers };
    const sent = request(`${tocsin.url}${path}`, options, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      answer.once('end', () =>
        resolve({ status: answer.statusCode ?? 0, retryAfter: answer.headers['retry-after'], text }),
      );
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

const MEBIBYTE = 1_048_576;

describe('stalled uploads to a webhook with only a signature', () => {
  const GRAFANA = '/api/webhooks/grafana/grafana';

  /** Sends one of two announced mebibytes, with an arbitrary signature. */
  function stall(from: string) {
    const upload = connection(from);
    const head = `POST ${GRAFANA} HTTP/1.1\r\nHost: localhost\r\nX-Signature: 00\r\nContent-Length: ${2 * MEBIBYTE}\r\n\r\n`;
    return new Promise<typeof upload>((resolve) => {
      upload.socket.once('close', () => resolve(upload));
      upload.socket.write(head);
      upload.socket.write(Buffer.alloc(MEBIBYTE, 'x'), () => resolve(upload));
    });
  }

  const authenticated = (name: string) =>
    ask('POST', '/api/webhooks/alertmanager/am', {
      headers: { Authorization: 'Bearer sesame' },
      body: JSON.stringify(webhookPayload([webhookAlert({ alertname: name })])),
    });
  const signed = (from: string, name: string) => {
    const body = JSON.stringify(webhookPayload([webhookAlert({ alertname: name })]));
    const signature = createHmac('sha256', 'key').update(body).digest('hex');
    return ask('POST', GRAFANA, { from, headers: { 'X-Signature': signature }, body });
  };

  it.each([
    ['one address', ['127.0.0.2']],
    ['several addresses', ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5', '127.0.0.6']],
  ])('from %s are evicted, and do not affect authenticated deliveries', async (_what, addresses) => {
    const uploads = await Promise.all(
      Array.from({ length: 40 }, (_, i) => stall(addresses[i % addresses.length] ?? '')),
    );
    const refused = () => uploads.filter(({ received }) => received().startsWith('HTTP/1.1 503 ')).length;
    // 32 MiB of unverified bodies may be held: of forty uploads of a mebibyte at least eight have no place
    let before = 0;
    const settled = async () => {
      const last = before;
      before = refused();
      // whatever has arrived is read before this is answered
      await ask('GET', '/-/healthy');
      return before >= 8 && before === last;
    };
    await until(settled, { everyMs: 250, what: 'eight uploads are refused, and no more' });
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => authenticated(`Token${i} ${addresses.length}`)),
    );
    expect(answers.map(({ status, text }) => [status, JSON.parse(text) as unknown])).toEqual(
      Array.from({ length: 20 }, () => [200, { accepted: 1, duplicates: 0, quarantined: 0 }]),
    );
    // they displaced no one
    expect(refused()).toBe(before);
    // another address gets a place at once, and the one that holds the most loses one
    expect((await signed('127.0.0.9', 'Signed')).status).toBe(200);
    // and so does the same address as soon as its other uploads have stalled for a while
    await until(async () => (await signed(addresses[0] ?? '', 'Same')).status === 200, {
      what: 'a signed delivery of the address that stalls is taken',
    });
  });
});

describe('pipelined runs of /probe on one connection', () => {
  const probe = (module: string, target: string): string =>
    `/probe?module=${module}&target=${target}&debug=true`;
  const pipelined = (paths: readonly string[]): string =>
    paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`).join('');
  const times = (count: number, path: string) => Array.from({ length: count }, () => path);

  it('run one at a time, so that others get their turn', async () => {
    const silent = await servers.tcp();
    const open = await servers.tcp();
    const { socket, received } = connection('127.0.0.1');
    socket.write(pipelined(times(30, probe('silent', silent.address))));
    await until(() => silent.open() === 1);
    const others = await Promise.all(times(5, probe('port', open.address)).map((path) => ask('GET', path)));
    expect(others.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect([silent.accepted(), received()]).toEqual([1, '']);
  });

  it('are answered in order', async () => {
    const open = await servers.tcp();
    const { socket, received } = connection('127.0.0.1');
    const targets = [open.address, '127.0.0.1:1', open.address, '127.0.0.1:1'];
    socket.write(pipelined(targets.map((target) => `/probe?module=port&target=${target}`)));
    const verdicts = () => [...received().matchAll(/^probe_success (\d)$/gm)].map(([, value]) => value);
    await until(() => verdicts().length === 4);
    expect(verdicts()).toEqual(['1', '0', '1', '0']);
  });

  it('close their connection beyond 32, and affect no one else', async () => {
    const silent = await servers.tcp();
    const open = await servers.tcp();
    const { socket } = connection('127.0.0.1');
    socket.write(pipelined(times(100, probe('silent', silent.address))));
    await until(() => socket.closed);
    // its run is cancelled with it
    await until(() => silent.open() === 0);
    expect(silent.accepted()).toBeLessThanOrEqual(1);
    expect((await ask('GET', probe('port', open.address))).status).toBe(200);
  });

  it('are answered 429 beyond three quarters of all places for many connections of one address; another address has its own', async () => {
    const silent = await servers.tcp();
    const open = await servers.tcp();
    for (let i = 0; i < 6; i += 1)
      connection('127.0.0.2').socket.write(pipelined([probe('silent', silent.address)]));
    await until(() => silent.open() === 6);
    const limited = await ask('GET', probe('port', open.address), { from: '127.0.0.2' });
    expect([limited.status, limited.retryAfter]).toEqual([429, '1']);
    expect(JSON.parse(limited.text)).toMatchObject({ status: 429, title: 'Too many concurrent runs' });
    expect((await ask('GET', probe('port', open.address))).status).toBe(200);
    for (let i = 0; i < 2; i += 1)
      connection('127.0.0.3').socket.write(pipelined([probe('silent', silent.address)]));
    await until(() => silent.open() === 8);
    const overloaded = await ask('GET', probe('port', open.address), { from: '127.0.0.4' });
    expect([overloaded.status, overloaded.retryAfter]).toEqual([503, '1']);
  });
});
