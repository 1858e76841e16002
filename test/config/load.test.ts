import { afterAll, describe, expect, it } from '@jest/globals';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../src/config/types.ts';
import { ConfigFolder, lines } from '../support/config/config-files.ts';

const folder = new ConfigFolder();
afterAll(() => folder.remove());

function defaults(): Config {
  const empty = new ConfigFolder();
  const result = empty.loadFile();
  empty.remove();
  if (!result.ok) throw new Error('defaults are wrong');
  return result.config;
}

describe('loadConfig without a file', () => {
  it('has the defaults of the contract', () => {
    const config = defaults();
    expect(config).toMatchObject({
      file: undefined,
      server: {
        node: 'monitor-1',
        listen: { host: '127.0.0.1', port: 10464 },
        lifecycle: false,
        maxBodyBytes: 64 * 2 ** 20,
        maxConnections: 1024,
        maxConnectionsPerAddress: 64,
        maxHeaderBytes: 16 * 1024,
        headerTimeoutMs: 10_000,
        requestTimeoutMs: 60_000,
        keepAliveMs: 310_000,
        tokens: [],
      },
      metrics: {
        rateLimit: { perSecond: 10, burst: 20 },
        maxInFlight: 40,
        maxUnsentBytes: 64 * 2 ** 20,
        maxSeries: 1_000_000,
        maxSeriesPerFamily: 250_000,
        histograms: 'classic',
        compression: true,
      },
      scheduler: { maxConcurrency: 128, maxPerHost: 8 },
      host: {
        enabled: true,
        procfs: '/proc',
        sysfs: '/sys',
        rootfs: '/',
        textfile: [],
        collectors: { disable: [] },
      },
      probeEndpoint: { notices: [], maxConcurrency: 512 },
      webhooks: [{ name: 'main', tokens: [] }],
      alerts: { sameStartToleranceMs: 60_000, staleHoldMs: 360_000, expireAfterMs: 86_400_000 },
      services: [],
    });
    expect(config.store).toMatchObject({
      retention: { historyMs: 30 * 86_400_000, eventsMs: 400 * 86_400_000 },
    });
    expect(config.store.path).toMatch(/\/data\/tocsin\.db$/);
    expect([config.server.trustedProxies.empty, config.metrics.trusted.empty]).toEqual([true, true]);
  });

  it('is the same for empty files', () => {
    const { file: _, store, ...rest } = defaults();
    for (const text of ['', '\n', '# nothing\n', '---\n', '~', '\ufeff', 'server:\nservices:\nwebhooks:\n']) {
      const { file, store: here, ...config } = folder.config(text);
      // values made on demand are not compared
      expect(JSON.stringify(config)).toBe(JSON.stringify(rest));
      expect(here).toEqual({ ...store, path: join(folder.path, 'data/tocsin.db') });
      expect(file).toBe(join(folder.path, 'tocsin.yml'));
    }
  });
});

describe('loadConfig finds its file', () => {
  it('by a path relative to the working directory; other files relative to the file', () => {
    folder.write('etc/t.yml', 'store: { path: db }\nwebhooks: [{ name: a, token_files: [token] }]');
    folder.write('etc/token', 'sesame \n\n');
    for (const path of ['etc/t.yml', join(folder.path, 'etc/t.yml')]) {
      const result = folder.loadFile({ path });
      expect(lines(result)).toEqual([]);
      expect(result).toMatchObject({ config: { store: { path: join(folder.path, 'etc/db') } } });
      expect(result.ok && result.config.webhooks[0]?.tokens[0]?.reveal()).toBe('sesame');
    }
  });

  it('or reports why not', () => {
    mkdirSync(join(folder.path, 'directory'));
    symlinkSync('loop', join(folder.path, 'loop'));
    folder.write('binary.yml', Uint8Array.of(0x80, 0x81));
    folder.write('utf16.yml', Uint8Array.of(0xff, 0xfe, 0x61, 0));
    const why = (path: string) =>
      lines(folder.loadFile({ path })).map((line) => line.replaceAll(`${folder.path}/`, ''));
    expect(why('none.yml')).toEqual(['none.yml: cannot read none.yml: no such file']);
    expect(why('directory')).toEqual([
      'directory: cannot read directory: it is a directory; name a file in it',
    ]);
    expect(why('tocsin.yml/x')).toEqual([
      'tocsin.yml/x: cannot read tocsin.yml/x: a part of the path is not a directory',
    ]);
    expect(why('loop')).toEqual(['loop: cannot read loop: its symbolic links form a loop']);
    expect(why('binary.yml')).toEqual(['binary.yml: binary.yml is not a text file in UTF-8']);
    expect(why('utf16.yml')).toEqual(['utf16.yml: utf16.yml is not a text file in UTF-8']);
    expect(why('/dev/zero')).toEqual([
      '/dev/zero: cannot read /dev/zero: it is a device; expected a regular file',
    ]);
  });
});

describe('--listen', () => {
  const open = 'webhooks:\n  - name: main';

  it('overrides server.listen, before the rules about it apply', () => {
    expect(folder.config('server: { listen: h:1 }', { listen: '[::1]:0' }).server.listen).toEqual({
      host: '::1',
      port: 0,
    });
    expect(folder.problems(open, { listen: '0.0.0.0:1' })).toEqual([
      'tocsin.yml:2: webhooks[0]: Tocsin listens on 0.0.0.0:1, off loopback, so a webhook needs tokens or token_files',
    ]);
    expect(folder.problems(`server: { listen: 0.0.0.0:1 }\n${open}`, { listen: '127.0.0.1:1' })).toEqual([]);
    expect(folder.problems('', { listen: '0.0.0.0:1' })).toEqual([]);
  });

  it('is reported separately from the file when it is invalid', () => {
    expect(folder.problems('', { listen: 'nowhere' })).toEqual([
      '--listen: "nowhere" is not HOST:PORT; expected such as 127.0.0.1:10464',
    ]);
  });

  it('recognises every loopback address', () => {
    for (const host of ['127.8.8.8', 'localhost', '[::1]']) {
      expect(folder.problems(open, { listen: `${host}:1` })).toEqual([]);
    }
    for (const host of ['192.0.2.1', 'example.org', '[::]', '0.0.0.0']) {
      expect(folder.problems(open, { listen: `${host}:1` })).toHaveLength(1);
    }
  });
});

describe('access', () => {
  it('reads tokens, inline or from files, and both kinds of webhooks', () => {
    folder.write('t1', 'one\n');
    const { server, webhooks } = folder.config(
      `
server:
  listen: 0.0.0.0:10464
  lifecycle: true
  tokens:
    - { name: ops, token_file: t1, scopes: [admin, read, admin] }
webhooks:
  - { name: a, tokens: ["\${A}", second] }
  - { name: b, token_files: [t1] }
`,
      { env: { A: '12345' } },
    );
    expect(server.tokens.map(({ name, token, scopes }) => [name, token.reveal(), scopes])).toEqual([
      ['ops', 'one', ['admin', 'read']],
    ]);
    expect(webhooks.map(({ tokens }) => tokens.map((token) => token.reveal()))).toEqual([
      ['12345', 'second'],
      ['one'],
    ]);
    expect(JSON.stringify({ server, webhooks })).not.toMatch(/"one"|12345|second/);
  });

  it('allows lifecycle without tokens on loopback, where the Host rule protects it', () => {
    expect(folder.config('server: { lifecycle: true }').server).toMatchObject({
      lifecycle: true,
      tokens: [],
    });
  });

  it('may have no webhooks', () => {
    expect(folder.config('webhooks: []').webhooks).toEqual([]);
  });
});

describe('${…}', () => {
  const env = { N: '7', F: 'false', ADDRESS: 'http://h/?q', KEY: 'x\nlifecycle: true' };

  it('becomes a number or boolean where one is expected, and stays text where text is expected', () => {
    const config = folder.config(
      `
server: { max_connections: "\${N}", max_body: "\${N}" }
scheduler: { adaptive: "\${F}", max_per_host: "\${UNSET:-3}" }
host:
  enabled: \${F}
services:
  - { name: "a\${N}", description: "\${N}", target: "\${ADDRESS}", labels: { n: "\${N}", none: "\${UNSET:-}" }, http: {} }
`,
      { env },
    );
    expect(config.server).toMatchObject({ maxConnections: 7, maxBodyBytes: 7 });
    expect(config.host.enabled).toBe(false);
    expect(config.scheduler.maxPerHost).toBe(3);
    expect(config.services).toMatchObject([
      {
        name: 'a7',
        description: '7',
        labels: { n: '7' },
        adaptive: {},
        targets: [{ address: 'http://h/?q', label: 'http://h/' }],
      },
    ]);
    expect(Object.keys(config.services[0]?.labels ?? {})).toEqual(['n']);
  });

  it('cannot add keys, and a part of a text is not a number', () => {
    const problems = folder.problems('server:\n  node: ${KEY}\n  max_connections: 1${N}', { env });
    expect(problems).toEqual([
      'tocsin.yml:2: server.node: expected text on one line, without control characters',
      'tocsin.yml:2: server.node: expected a name of letters, digits, ".", "-" and "_"',
      'tocsin.yml:3: server.max_connections: expected a number, got text',
    ]);
  });
});

describe('services', () => {
  const load = (text: string) => folder.config(text).services;

  it('are completed with defaults, in the order of the file, without disabled ones', () => {
    const services = load(`
services:
  - name: b
    description: Bee
    critical: true
    group: g
    priority: 3
    interval: 1m
    timeout: 20s
    degraded_after: 2s
    resolver: [192.0.2.53, '[2001:db8::53]:5353']
    all_addresses: true
    labels: { team: ai }
    confirm: { failures: 5 }
    adaptive: { unhealthy: 2m }
    targets:
      - http://h:1/x?secret=1
      - { address: "http://h:1/x", alias: other }
    http: { method: POST }
  - { name: off, enabled: false, target: "h:1", tcp: {} }
  - name: a
    target: { address: "h:1", alias: one }
    tcp:
`);
    expect(services).toMatchObject([
      {
        name: 'b',
        description: 'Bee',
        critical: true,
        group: 'g',
        priority: 3,
        intervalMs: 60_000,
        timeoutMs: 20_000,
        degradedAfterMs: 2_000,
        resolver: ['192.0.2.53', '[2001:db8::53]:5353'],
        allAddresses: true,
        labels: { team: 'ai' },
        prober: 'http',
        confirm: { failures: 5, successes: 1, retryIntervalMs: 2_000 },
        adaptive: { degradedMs: 15_000, unhealthyMs: 120_000 },
        targets: [
          { address: 'http://h:1/x?secret=1', label: 'http://h:1/x', host: 'h' },
          { address: 'http://h:1/x', label: 'other', host: 'h' },
        ],
        probe: { settings: { method: 'POST' } },
      },
      {
        name: 'a',
        critical: false,
        priority: 1,
        intervalMs: 30_000,
        timeoutMs: 10_000,
        labels: {},
        prober: 'tcp',
        confirm: { failures: 2, successes: 1, retryIntervalMs: 2_000 },
        adaptive: { degradedMs: 15_000, unhealthyMs: 5_000 },
        targets: [{ address: 'h:1', label: 'one', host: 'h' }],
        probe: { settings: { tls: false } },
      },
    ]);
    expect(services[1]).not.toHaveProperty('group');
    expect(typeof services[0]?.probe.probe).toBe('function');
  });

  const adaptive: readonly (readonly [string, string, object])[] = [
    ['{}', '', { degradedMs: 15_000, unhealthyMs: 5_000 }],
    ['{ adaptive: false }', '', {}],
    ['{ adaptive: false }', 'adaptive: { unhealthy: 1s }', { unhealthyMs: 1_000 }],
    ['{ adaptive: { degraded: 20s } }', '', { degradedMs: 20_000, unhealthyMs: 5_000 }],
    ['{ adaptive: { degraded: 20s } }', 'interval: 4s', { degradedMs: 4_000, unhealthyMs: 4_000 }],
    ['{}', 'interval: 4s, adaptive: { degraded: 8s }', { degradedMs: 8_000, unhealthyMs: 4_000 }],
    ['{}', 'adaptive: false', {}],
  ];
  it.each(adaptive)('with scheduler %s and %s have their adaptive intervals', (scheduler, own, expected) => {
    const separator = own === '' ? '' : ', ';
    const [service] = load(
      `scheduler: ${scheduler}\nservices: [{ name: a, target: x, tcp: {}${separator}${own} }]`,
    );
    expect(service?.adaptive).toEqual(expected);
  });

  it('shorten an inherited timeout to their interval', () => {
    const [a, b] = load(
      'scheduler: { timeout: 20s }\nservices:\n  - { name: a, interval: 5s, target: x, tcp: {} }\n  - { name: b, target: x, tcp: {} }',
    );
    expect([a?.timeoutMs, b?.timeoutMs]).toEqual([5_000, 20_000]);
    expect(
      load('scheduler: { interval: 3s }\nservices: [{ name: a, target: x, tcp: {} }]')[0]?.timeoutMs,
    ).toBe(3_000);
  });

  it('share settings by anchors and merge keys', () => {
    const services = load(`
services:
  - &first
    name: a
    interval: 9s
    target: http://h/
    http: &http { method: HEAD }
  - <<: *first
    name: b
  - name: c
    target: http://i/
    http: { <<: *http, follow_redirects: false }
`);
    expect(services.map(({ name, intervalMs, probe }) => [name, intervalMs, probe.settings])).toMatchObject([
      ['a', 9_000, { method: 'HEAD', follow_redirects: true }],
      ['b', 9_000, { method: 'HEAD' }],
      ['c', 30_000, { method: 'HEAD', follow_redirects: false }],
    ]);
  });
});

describe('the result', () => {
  it('is deeply frozen', () => {
    const config = folder.config(
      'server: { tokens: [{ name: a, token: x, scopes: [read] }] }\nservices: [{ name: a, labels: { t: x }, target: http://h/, http: {} }]',
    );
    const soft: string[] = [];
    const visit = (value: unknown, path: string): void => {
      if (typeof value !== 'object' || value === null) return;
      const plain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
      if (plain && !Object.isFrozen(value)) soft.push(path);
      for (const [key, inner] of Object.entries(value)) visit(inner, `${path}.${key}`);
    };
    visit(config, 'config');
    expect(soft).toEqual([]);
    expect(Object.isFrozen(config.services[0]?.targets[0])).toBe(true);
  });
});
