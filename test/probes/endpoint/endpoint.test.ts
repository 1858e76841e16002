import { createServer, type RequestListener } from 'node:http';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { loadModules } from '../../../src/config/modules/modules.ts';
import { AllowList } from '../../../src/domain/allow-list.ts';
import {
  ProbeEndpoint,
  type ProbeResponse,
  type ProbeRequest,
} from '../../../src/probes/endpoint/endpoint.ts';
import type { ProbeModule } from '../../../src/probes/module.ts';
import { ConcurrencyLimiter } from '../../../src/http/concurrency-limiter.ts';
import { createResolver, type Resolver } from '../../../src/probes/net/resolver.ts';
import { probers } from '../../../src/probes/registry.ts';
import { ConfigFolder } from '../../support/config/config-files.ts';
import { valueOf } from '../../support/exposition/exposition-parser.ts';
import { hostsResolver, pacedClock } from '../../support/probes/probe.ts';
import { ServerSet } from '../../support/servers/server-set.ts';
import { startDns } from '../../support/servers/dns.ts';
import { startHttp } from '../../support/servers/http.ts';
import { startSocks } from '../../support/servers/socks.ts';
import { listen, startTcp, type TestServer } from '../../support/servers/tcp.ts';

const servers = new ServerSet();
const folder = new ConfigFolder();
afterEach(() => servers.close());
afterAll(() => folder.remove());

const MODULES = `
modules:
  http_2xx: { prober: http, timeout: 2s, http: { preferred_ip_protocol: ip4 } }
  secret: { prober: http, http: { preferred_ip_protocol: ip4, headers: { X-Key: hush } } }
  backtracking: { prober: http, timeout: 2s, http: { preferred_ip_protocol: ip4, fail_if_body_not_matches_regexp: ["^(a+)+$"] } }
  tcp: { prober: tcp, timeout: 2s }
  unix: { prober: unix, timeout: 2s }
  proxied: { prober: http, timeout: 2s, http: { proxy_url: "http://127.0.0.1:1", skip_resolve_phase_with_proxy: true } }
  socks_names: { prober: http, timeout: 2s, http: { proxy_url: "socks5://127.0.0.1:1", skip_resolve_phase_with_proxy: true } }
  socks: { prober: http, timeout: 2s, http: { preferred_ip_protocol: ip4, proxy_url: "socks5://127.0.0.1:PORT" } }
`;

interface Rig {
  readonly allow?: readonly string[];
  readonly open?: boolean;
  readonly resolver?: Resolver;
  readonly maxConcurrency?: number;
  readonly perAddress?: number;
  readonly socksPort?: number;
}

/** @param socksPort the port of the SOCKS proxy of the module `socks` */
function modules(socksPort = 1): ReadonlyMap<string, ProbeModule> {
  const text = MODULES.replace('PORT', String(socksPort));
  const loaded = loadModules(folder.write('blackbox.yml', text), probers);
  expect(loaded.problems).toEqual([]);
  return loaded.modules;
}

function endpoint(rig: Rig = {}) {
  const { allow = [], open = true, resolver = hostsResolver(), maxConcurrency = 10, socksPort } = rig;
  const { perAddress = maxConcurrency + 1 } = rig;
  const loaded = modules(socksPort);
  const places = new ConcurrencyLimiter(() => ({
    max: maxConcurrency,
    maxPerAddress: perAddress,
    reserved: 0,
  }));
  return new ProbeEndpoint({
    settings: () => ({ modules: () => loaded, allow: new AllowList(allow), open, maxConcurrency }),
    resolver,
    clock: pacedClock(),
    acquire: (client) => places.acquire(client),
  });
}

const stay = new AbortController().signal;

function ask(of: ProbeEndpoint, target: string, more: Partial<ProbeRequest> = {}): Promise<ProbeResponse> {
  const question = { target, module: '', hostname: '', debug: false, scrapeTimeout: undefined, ...more };
  return of.handle(question, { address: '192.0.2.1', authenticated: false }, stay);
}

/** `200 success`, `200 failure`, `403 …`. */
function shown(answer: ProbeResponse): string {
  if (answer.kind === 'metrics')
    return `200 ${valueOf(answer.text, 'probe_success') === 1 ? 'success' : 'failure'}`;
  return answer.kind === 'debug' ? String(answer.status) : `${answer.status} ${answer.detail}`;
}

/** Listens on every loopback address, so that anything sent there is seen. */
async function everywhere(handle: RequestListener): Promise<TestServer & { readonly url: string }> {
  const server = servers.add(await listen(createServer(handle), '0.0.0.0'));
  return { ...server, url: `http://127.0.0.1:${server.port}` };
}

/** Answers each look-up of a name with the next of its addresses, then repeats the last. */
function fickle(addresses: readonly string[]): Resolver {
  let asked = 0;
  return {
    lookup: () => {
      const address = addresses[Math.min(asked, addresses.length - 1)] ?? '';
      asked += 1;
      return Promise.resolve([{ address, family: 4 }]);
    },
  };
}

describe('/probe', () => {
  it('runs a module against a target', async () => {
    const server = servers.add(await startHttp((_request, response) => response.end('hello')));
    expect(shown(await ask(endpoint(), server.url))).toBe('200 success');
    expect(shown(await ask(endpoint(), server.address, { module: 'tcp' }))).toBe('200 success');
  });

  it('returns metrics for a failed run', async () => {
    const server = servers.add(await startHttp((_request, response) => response.writeHead(500).end()));
    const answer = await ask(endpoint(), server.url);
    expect(shown(answer)).toBe('200 failure');
    expect(answer.kind === 'metrics' && valueOf(answer.text, 'probe_http_status_code')).toBe(500);
  });

  const wrong: readonly (readonly [string, Partial<ProbeRequest>, string])[] = [
    ['', {}, '400 expected /probe?target=…&module=…'],
    ['http://127.0.0.1', { module: 'x' }, '400 no module is named "x"'],
    [
      'http://127.0.0.1',
      { scrapeTimeout: 'soon' },
      '500 X-Prometheus-Scrape-Timeout-Seconds is "soon", expected a number',
    ],
    ['', { module: 'x' }, '400 no module is named "x"'],
  ];
  it.each(wrong)('refuses target %j with %j', async (target, more, expected) => {
    expect(shown(await ask(endpoint(), target, more))).toBe(expected);
  });

  it('fails at once where the scraper leaves no time', async () => {
    const server = servers.add(await startHttp((_request, response) => response.end()));
    expect(shown(await ask(endpoint(), server.url, { scrapeTimeout: '0.5' }))).toBe('200 failure');
    expect(server.accepted()).toBe(0);
  });

  it('shares a run among identical requests at the same time, except with debug', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const server = servers.add(
      await startHttp((_request, response) => {
        void held.then(() => response.end('hello'));
      }),
    );
    const of = endpoint();
    const same = [ask(of, server.url), ask(of, server.url), ask(of, server.url)];
    const other = [ask(of, server.url, { debug: true }), ask(of, server.url, { scrapeTimeout: '2' })];
    release();
    const answers = await Promise.all([...same, ...other]);
    expect(answers.map(shown)).toEqual(['200 success', '200 success', '200 success', '200', '200 success']);
    expect(server.accepted()).toBe(3);
  });

  it('cancels the run when the last client that waits for it disconnects', async () => {
    const server = servers.add(await startTcp());
    const leave = new AbortController();
    const question = {
      target: `http://${server.address}`,
      module: '',
      hostname: '',
      debug: false,
      scrapeTimeout: undefined,
    };
    const answer = endpoint().handle(question, { address: '192.0.2.1', authenticated: false }, leave.signal);
    leave.abort();
    await answer;
    await server.idle();
  });

  it('answers 503 when too many runs are active, and accepts requests that share one', async () => {
    const server = servers.add(await startTcp());
    const of = endpoint({ maxConcurrency: 1 });
    const first = ask(of, `http://${server.address}`, { scrapeTimeout: '1.2' });
    const shares = ask(of, `http://${server.address}`, { scrapeTimeout: '1.2' });
    const one = await ask(of, `http://${server.address}/other`);
    expect(shown(one)).toBe(
      '503 The limit of concurrent runs is reached (probe_endpoint.max_concurrency: 1).',
    );
    expect([await first, await shares].map(shown)).toEqual(['200 failure', '200 failure']);
    expect(shown(await ask(of, `http://${server.address}/other`))).toBe('200 failure');
  });

  it('does not let one address use up the places of all', async () => {
    const server = servers.add(await startTcp());
    const of = endpoint({ maxConcurrency: 3, perAddress: 2 });
    const from = (address: string, path: string) => {
      const target = `http://${server.address}/${path}`;
      const question = { target, module: '', hostname: '', debug: false, scrapeTimeout: '1.2' };
      return of.handle(question, { address, authenticated: false }, stay);
    };
    const runs = [from('192.0.2.1', 'a'), from('192.0.2.1', 'b')];
    expect(shown(await from('192.0.2.1', 'c'))).toMatch(
      /^429 The limit of concurrent runs for one address is reached/,
    );
    expect((await Promise.all([...runs, from('192.0.2.2', 'c')])).map(shown)).toEqual([
      '200 failure',
      '200 failure',
      '200 failure',
    ]);
  });

  it('answers 503 when the agent is at fault: no name server can be reached', async () => {
    const resolver = createResolver({
      monotonic: () => performance.now(),
      servers: ['127.0.0.1:1'],
      hostsFile: undefined,
    });
    expect(shown(await ask(endpoint({ resolver }), 'http://a.test'))).toMatch(/^503 No name server/);
  });

  it('returns log, metrics and module with debug, without secrets', async () => {
    const server = servers.add(await startHttp((_request, response) => response.writeHead(503).end()));
    const answer = await ask(endpoint(), server.url, { module: 'secret', debug: true });
    expect(answer).toMatchObject({ kind: 'debug', status: 200 });
    const text = answer.kind === 'debug' ? answer.text : '';
    expect(text).toMatch(/^Logs for the probe:\ntime=\S+ msg=resolved/);
    expect(text).toContain('status=failure reason=status text="HTTP status 503');
    expect(text).toContain('\n\n\nMetrics that would have been returned:\n# HELP ');
    expect(text).toContain('\nprobe_success 0\n');
    expect(text).toContain('\n\n\nModule configuration:\nprober: http\n');
    expect(text).not.toContain('hush');
  });

  it('evaluates a regular expression in linear time where other engines backtrack forever', async () => {
    const body = `${'a'.repeat(50_000)}b`;
    const server = servers.add(await startHttp((_request, response) => response.end(body)));
    expect(shown(await ask(endpoint(), server.url, { module: 'backtracking' }))).toBe('200 failure');
  });
});

describe('the allow list of /probe', () => {
  const allow = ['127.0.0.1', 'web.test', 'twice.test'];

  it('answers 403 for a target outside it, by address or by name, and sends nothing', async () => {
    const server = await everywhere((_request, response) => response.end());
    const dns = await startDns({ 'web.test': { a: ['127.0.0.1'] }, 'other.test': { a: ['127.0.0.2'] } });
    const resolver = createResolver({
      monotonic: () => performance.now(),
      servers: [dns.address],
      hostsFile: undefined,
    });
    const of = endpoint({ allow, open: false, resolver });
    expect(shown(await ask(of, `http://web.test:${server.port}`))).toBe('200 success');
    expect(shown(await ask(of, `http://127.0.0.2:${server.port}`))).toMatch(
      /^403 127\.0\.0\.2, port \d+, may not be probed/,
    );
    expect(shown(await ask(of, `http://other.test:${server.port}`))).toMatch(
      /^403 other\.test \(127\.0\.0\.2\), port/,
    );
    expect(shown(await ask(of, '127.0.0.2:80', { module: 'tcp' }))).toMatch(/^403 /);
    expect(shown(await ask(of, '/run/x.sock', { module: 'unix' }))).toMatch(
      /^403 \/run\/x\.sock may not be probed/,
    );
    expect(shown(await ask(of, 'http://127.0.0.2/', { debug: true }))).toBe('403');
    expect(server.accepted()).toBe(1);
    await dns.close();
  });

  it('answers 403 for every target without an allow list, off loopback', async () => {
    expect(shown(await ask(endpoint({ open: false }), 'http://127.0.0.1:1'))).toMatch(/^403 /);
  });

  it('answers 403 for metadata addresses that are not named, even on loopback', async () => {
    for (const target of [
      'http://169.254.169.254/latest/',
      'http://[fe80::1]/',
      'http://[::ffff:a9fe:a9fe]/',
    ])
      expect(shown(await ask(endpoint(), target))).toMatch(/^403 /);
    // a name, as in blackbox_exporter, which does not exist
    expect(shown(await ask(endpoint(), 'http://0xa9fea9fe/'))).toBe('200 failure');
  });

  it('fails a redirect to a forbidden address with config, and sends nothing there', async () => {
    const inside = await everywhere((_request, response) => response.end());
    const server = await everywhere((_request, response) => {
      response.writeHead(302, { Location: `http://127.0.0.2:${inside.port}/` }).end();
    });
    const of = endpoint({ allow: ['127.0.0.1'] });
    expect(shown(await ask(of, server.url))).toBe('200 failure');
    const debug = await ask(of, server.url, { debug: true });
    expect(debug.kind === 'debug' && debug.text).toContain('reason=config');
    expect([inside.accepted(), server.accepted()]).toEqual([0, 2]);
  });

  it('fails a redirect to a port that is not on the list', async () => {
    const inside = await everywhere((_request, response) => response.end());
    const server = await everywhere((_request, response) => {
      response.writeHead(302, { Location: inside.url }).end();
    });
    const of = endpoint({ allow: [`127.0.0.1:${server.port}`] });
    expect(shown(await ask(of, server.url))).toBe('200 failure');
    expect(inside.accepted()).toBe(0);
  });

  it('fails with config for a name that resolves elsewhere on the second look-up, and sends nothing there', async () => {
    const server = await everywhere((request, response) => {
      response.writeHead(302, { Location: `http://${request.headers.host ?? ''}/again` }).end();
    });
    const of = endpoint({ allow: ['127.0.0.1'], resolver: fickle(['127.0.0.1', '127.0.0.2']) });
    const target = `http://twice.test:${server.port}/`;
    const debug = await ask(of, target, { debug: true });
    expect(debug.kind === 'debug' && debug.text).toContain('reason=config');
    expect(debug).toMatchObject({ status: 200 });
    expect(server.accepted()).toBe(1);
    // and when it resolves there from the start, the target itself is refused
    expect(shown(await ask(of, target))).toMatch(/^403 twice\.test \(127\.0\.0\.2\)/);
    expect(server.accepted()).toBe(1);
  });

  it('does not allow the address of a metadata service because of an allowed name', async () => {
    const of = endpoint({ allow: ['web.test'], resolver: fickle(['169.254.169.254']) });
    expect(shown(await ask(of, 'http://web.test/'))).toMatch(/^403 web\.test \(169\.254\.169\.254\)/);
  });

  it.each(['proxied', 'socks_names'])(
    'checks a target that a proxy resolves by its name (%s)',
    async (module) => {
      const of = endpoint({ allow: ['web.test'] });
      expect(shown(await ask(of, 'http://inside.test/', { module }))).toMatch(/^403 inside\.test/);
      // the proxy itself is in the configuration
      expect(shown(await ask(of, 'http://web.test/', { module }))).toBe('200 failure');
    },
  );

  it('checks a target behind a SOCKS proxy by its address, and so its redirects', async () => {
    const proxy = servers.add(await startSocks());
    const asked: string[] = [];
    const target = await everywhere((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(302, { Location: `http://127.0.0.2:${target.port}/secret` }).end();
    });
    const of = endpoint({ allow: ['127.0.0.1/32'], socksPort: proxy.port });
    expect(shown(await ask(of, `http://127.0.0.2:${target.port}/`, { module: 'socks' }))).toMatch(
      /^403 127\.0\.0\.2/,
    );
    expect(proxy.accepted()).toBe(0);
    expect(shown(await ask(of, `http://localhost:${target.port}/`, { module: 'socks' }))).toBe('200 failure');
    expect(asked).toEqual(['/']);
    expect(proxy.seen).toEqual(['methods 0', `connect 127.0.0.1:${target.port}`]);
  });
});
