import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { loadModules } from '../../../src/config/modules/modules.ts';
import { AllowList } from '../../../src/domain/allow-list.ts';
import { ProbeEndpoint } from '../../../src/probes/endpoint/endpoint.ts';
import { createResolver } from '../../../src/probes/net/resolver.ts';
import { probers } from '../../../src/probes/registry.ts';
import { ConfigFolder } from '../../support/config/config-files.ts';
import { ServerSet } from '../../support/servers/server-set.ts';
import { addressRecord, reply, startNameServer, type NameServer } from '../../support/servers/name-server.ts';
import {
  serverNames,
  startHttp2Recorder,
  startRecorder,
  type Recorder,
} from '../../support/servers/recorder.ts';
import { pacedClock } from '../../support/probes/probe.ts';

const CONTROL = /[^\x20-\x7e\x80-\xff]/;
const servers = new ServerSet();
const folder = new ConfigFolder();

/** The texts that were sent, split at the framing. */
type Texts = (bytes: Buffer) => readonly string[];

/** A request head; anything after its end is more than one request. */
const httpTexts: Texts = (bytes) => {
  const [head = '', ...rest] = bytes.toString('latin1').split('\r\n\r\n');
  return [...head.split('\r\n').map(knownLine), ...rest.filter((more) => more !== '').map(() => '\0')];
};

function knownLine(line: string): string {
  return /^(?:GET |CONNECT |Host: |User-Agent: |Authorization: |Connection: )/.test(line)
    ? line
    : `\0${line}`;
}

/** The words of Redis commands: `*2\r\n$4\r\nAUTH\r\n$1\r\nx\r\n`. */
const redisTexts: Texts = (bytes) => {
  const words: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf('\r\n', at);
    const line = bytes.toString('latin1', at, end);
    at = end + 2;
    if (!line.startsWith('$')) continue;
    const length = Number(line.slice(1));
    words.push(bytes.toString('latin1', at, at + length));
    at += length + 2;
  }
  return words;
};

const socksTexts: Texts = (bytes) =>
  bytes.length < 3 + 5 ? [] : [bytes.toString('latin1', 3 + 5, bytes.length - 2)];
const tlsTexts: Texts = (bytes) => serverNames(bytes) ?? ['\0 no ClientHello'];
const lines: Texts = (bytes) => bytes.toString('latin1').split('\n');

interface Way {
  readonly module: string;
  /** `PORT` is that of the recorder, `DIRT` the place of the text under test. */
  readonly target: string;
  readonly recorder: 'http' | 'redis' | 'socks' | 'tls' | 'grpc' | 'dns';
}

const WAYS: readonly Way[] = [
  { module: 'http', target: 'http://127.0.0.1:PORT/aDIRT', recorder: 'http' },
  { module: 'http', target: 'http://127.0.0.1:PORT/?a=DIRT', recorder: 'http' },
  { module: 'http', target: 'http://uDIRT:p@127.0.0.1:PORT/', recorder: 'http' },
  { module: 'http', target: 'http://aDIRT.example:PORT/', recorder: 'http' },
  { module: 'http', target: '127.0.0.1:PORT/aDIRT', recorder: 'http' },
  { module: 'https', target: 'https://aDIRT.example:PORT/', recorder: 'tls' },
  { module: 'proxied', target: 'http://aDIRT.example/bDIRT', recorder: 'http' },
  { module: 'proxied', target: 'https://aDIRT.example/', recorder: 'http' },
  { module: 'socks', target: 'http://aDIRT.example/', recorder: 'socks' },
  { module: 'tls_tcp', target: 'aDIRT.example:PORT', recorder: 'tls' },
  { module: 'tls', target: 'aDIRT.example:PORT', recorder: 'tls' },
  { module: 'redis', target: 'redis://uDIRT:pDIRT@127.0.0.1:PORT/0', recorder: 'redis' },
  { module: 'redis', target: 'redis://aDIRT.example:PORT/0', recorder: 'redis' },
  { module: 'grpc', target: 'aDIRT.example:PORT', recorder: 'grpc' },
  { module: 'dns', target: 'dns://127.0.0.1:PORT/aDIRT.example?type=A', recorder: 'dns' },
  { module: 'dns', target: 'aDIRT.example:PORT', recorder: 'dns' },
];

/** Control characters, plain and as encoded in URLs and zone files. */
const dirt = fc
  .array(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc.constantFrom('\r\n', '\r', '\n', '\0', '\t', '\x01', '\x0b', '\x1b', '\x7f'),
      },
      fc.constantFrom('%0d%0a', '%0A', '%00', '%09', '%7f', '\\013', '\\010', '\\000', '%5c010'),
      fc.constantFrom('\r\nX-Evil: 1', '\r\n\r\nPOST /-/reload HTTP/1.1\r\nHost: a\r\n\r\n', ' '),
      fc.constantFrom('a', 'Z', '9', '-', '.', '/', '?', '#', '@', ':', '%', 'é'),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((parts) => parts.join(''));

describe('a parameter of /probe never reaches the wire with a control character', () => {
  let recorders: Readonly<Record<Exclude<Way['recorder'], 'dns'>, Recorder>>;
  let names: NameServer;
  let endpoint: ProbeEndpoint;
  const texts: Readonly<Record<Exclude<Way['recorder'], 'dns'>, Texts>> = {
    http: httpTexts,
    redis: redisTexts,
    socks: socksTexts,
    tls: tlsTexts,
    grpc: lines,
  };

  beforeAll(async () => {
    const recorder = async (answer?: string | number[]) =>
      servers.add(await startRecorder(() => (answer === undefined ? undefined : Buffer.from(answer))));
    recorders = {
      http: await recorder(),
      redis: await recorder('-ERR no\r\n'),
      socks: await recorder([5, 0]),
      tls: await recorder(),
      grpc: servers.add(await startHttp2Recorder()),
    };
    names = await startNameServer((query) => [
      reply(query, { answers: [addressRecord('127.0.0.1', query.questions?.[0]?.name)] }),
    ]);
    const http = { preferred_ip_protocol: 'ip4', follow_redirects: false };
    const proxy = { ...http, skip_resolve_phase_with_proxy: true };
    const modules = {
      http: { prober: 'http', http },
      https: { prober: 'http', http },
      proxied: { prober: 'http', http: { ...proxy, proxy_url: `http://${recorders.http.address}` } },
      socks: { prober: 'http', http: { ...proxy, proxy_url: `socks5://${recorders.socks.address}` } },
      tls_tcp: { prober: 'tcp', tcp: { preferred_ip_protocol: 'ip4', tls: true } },
      tls: { prober: 'tls', tls: { preferred_ip_protocol: 'ip4' } },
      redis: { prober: 'redis', redis: {} },
      grpc: { prober: 'grpc', grpc: { preferred_ip_protocol: 'ip4' } },
      dns: {
        prober: 'dns',
        dns: { preferred_ip_protocol: 'ip4', query_name: 'asked.example', query_type: 'A' },
      },
    };
    const file = folder.write('blackbox.yml', JSON.stringify({ modules }));
    const loaded = loadModules(file, probers);
    expect(loaded.problems).toEqual([]);
    endpoint = new ProbeEndpoint({
      settings: () => ({
        modules: () => loaded.modules,
        allow: new AllowList([]),
        open: true,
        maxConcurrency: 10,
      }),
      resolver: createResolver({
        monotonic: () => performance.now(),
        hostsFile: undefined,
        resolvConf: undefined,
        servers: [names.address],
      }),
      clock: pacedClock(),
      acquire: () => ({ kind: 'admitted', release: () => undefined }),
    });
  });
  afterAll(async () => {
    await servers.close();
    await names.close();
    folder.remove();
  });

  interface Asked {
    readonly text: string;
    readonly hostname?: string;
    readonly module?: string;
  }

  /** Sends one request, and returns the texts that reached any of the servers. */
  async function sent({ module, target, recorder }: Way, asked: Asked): Promise<readonly string[]> {
    const port = recorder === 'dns' ? names.port : recorders[recorder].port;
    const before = names.queries.length;
    await endpoint.handle(
      {
        target: target.replaceAll('DIRT', asked.text).replaceAll('PORT', String(port)),
        module: asked.module ?? module,
        hostname: asked.hostname ?? '',
        debug: false,
        scrapeTimeout: undefined,
      },
      { address: '192.0.2.1', authenticated: false },
      new AbortController().signal,
    );
    await Promise.all(Object.values(recorders).map((one) => one.idle()));
    const questions = names.queries.slice(before).flatMap(({ questions: all = [] }) => all);
    return [
      ...questions.map(({ name }) => name),
      ...Object.entries(recorders).flatMap(([kind, one]) =>
        one.take().flatMap(texts[kind as keyof typeof texts]),
      ),
    ];
  }

  it.each(WAYS)('$module $target reaches it with a harmless text', async (way) => {
    const reached = await sent(way, { text: 'zz' });
    expect(reached.filter((text) => text.includes('zz') || text.startsWith('Authorization'))).not.toEqual([]);
    expect(reached.filter((text) => CONTROL.test(text))).toEqual([]);
  });

  it('for any target', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...WAYS), dirt, async (way, text) => {
        expect((await sent(way, { text })).filter((one) => CONTROL.test(one))).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });

  it('for any hostname and module', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...WAYS), dirt, fc.boolean(), async (way, text, asModule) => {
        const asked = asModule ? { text: '', module: text } : { text: '', hostname: `v${text}.example` };
        expect((await sent(way, asked)).filter((one) => CONTROL.test(one))).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });
});
