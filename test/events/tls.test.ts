import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { HttpClient } from '../../src/pipeline/http-client.ts';
import { systemClock } from '../../src/domain/clock.ts';
import { HttpSink } from '../../src/events/sinks/http.ts';
import { RedisSink } from '../../src/events/sinks/redis.ts';
import { cloudEvent } from '../../src/ledger/cloud-event.ts';
import { CertificateMint, type Minted } from '../support/probes/certificates.ts';
import { ConfigFolder } from '../support/config/config-files.ts';
import { startRedis } from '../support/processes/redis.ts';
import { startHttps } from '../support/servers/http.ts';

const event = cloudEvent(
  { offset: 7, type: 'tocsin.alert.fired', subject: null, time: Date.UTC(2026, 0), data: '{}' },
  'e1',
  'test',
);
const never = new AbortController().signal;
const folder = new ConfigFolder();
let mint: CertificateMint;
let local: Minted;
let foreign: Minted;
let stops: (() => Promise<void>)[] = [];

beforeAll(() => {
  mint = new CertificateMint();
  local = mint.leaf();
  foreign = mint.leaf({ names: ['DNS:bus.example'] });
});
afterAll(() => {
  mint.remove();
  folder.remove();
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  stops = [];
});

interface ServerOptions {
  readonly shows: Minted;
  /** Whether it requires a certificate from its clients. */
  readonly asks: boolean;
}

async function https({ shows, asks }: ServerOptions): Promise<number> {
  const server = await startHttps(
    { cert: shows.cert, key: shows.key, ca: mint.ca, requestCert: asks, rejectUnauthorized: asks },
    (_request, response) => response.end('[]'),
  );
  stops.push(() => server.close());
  return server.port;
}

async function redis({ shows, asks }: ServerOptions): Promise<number> {
  const config = asks ? ['tls-auth-clients yes'] : [];
  const server = await startRedis({ tls: { ...shows, caFile: mint.caFile }, config });
  stops.push(() => server.close());
  return server.port;
}

/** How each client reports success, and how a configuration sets it up. */
const CLIENTS = {
  'a sink over HTTP': async (options: ServerOptions, tls: string) => {
    const url = `https://127.0.0.1:${await https(options)}/in`;
    const { sinks } = folder.config(`sinks: [{ name: cloud, http: { url: '${url}', tls_config: ${tls} } }]`);
    const [to] = sinks.map((one) => one.to);
    if (to?.type !== 'http') throw new Error('it was not read');
    const sink = new HttpSink(to);
    stops.push(() => sink.close());
    const { failure } = await sink.deliver([event], never);
    return failure?.reason ?? 'taken';
  },
  'a sink in Redis': async (options: ServerOptions, tls: string) => {
    const url = `rediss://127.0.0.1:${await redis(options)}`;
    const { sinks } = folder.config(`sinks: [{ name: bus, redis: { url: '${url}', tls_config: ${tls} } }]`);
    const [to] = sinks.map((one) => one.to);
    if (to?.type !== 'redis') throw new Error('it was not read');
    const sink = new RedisSink({ ...to, clock: systemClock });
    stops.push(() => sink.close());
    const { failure } = await sink.deliver([event], never);
    return failure?.reason ?? 'taken';
  },
  'what asks Alertmanagers': async (options: ServerOptions, tls: string) => {
    const url = `https://127.0.0.1:${await https(options)}`;
    const config = folder.config(`alertmanagers: [{ name: am, url: '${url}', tls_config: ${tls} }]`);
    const client = new HttpClient();
    stops.push(() => client.close());
    const settings = config.alertmanagers[0]?.tls;
    return client.get({ url, tls: settings, maxBytes: 10 }).then(
      ({ status }) => (status === 200 ? 'taken' : String(status)),
      (error: unknown) => String(error),
    );
  },
};

describe.each(Object.keys(CLIENTS) as (keyof typeof CLIENTS)[])('tls_config of %s', (client) => {
  const through = CLIENTS[client];

  it('trusts only the roots of Node without settings', async () => {
    expect(await through({ shows: local, asks: false }, '{}')).toMatch(/certificate|CERT/);
  });

  it('trusts the authorities in ca_file, for the name that was asked for', async () => {
    const ca = `ca_file: '${mint.caFile}'`;
    expect(await through({ shows: local, asks: false }, `{ ${ca} }`)).toBe('taken');
    expect(await through({ shows: foreign, asks: false }, `{ ${ca} }`)).toMatch(/not valid for|ALTNAME/);
    expect(await through({ shows: foreign, asks: false }, `{ ${ca}, server_name: bus.example }`)).toBe(
      'taken',
    );
    expect(await through({ shows: local, asks: false }, `{ ${ca}, server_name: bus.example }`)).toMatch(
      /not valid for|ALTNAME/,
    );
  });

  it('trusts any certificate with insecure_skip_verify', async () => {
    expect(await through({ shows: foreign, asks: false }, '{ insecure_skip_verify: true }')).toBe('taken');
  });

  it('sends cert_file where the server requires a certificate', async () => {
    const ca = `ca_file: '${mint.caFile}'`;
    const own = `cert_file: '${local.certFile}', key_file: '${local.keyFile}'`;
    expect(await through({ shows: local, asks: true }, `{ ${ca} }`)).not.toBe('taken');
    expect(await through({ shows: local, asks: true }, `{ ${ca}, ${own} }`)).toBe('taken');
  });
});
