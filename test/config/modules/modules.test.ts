import { afterAll, describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { formatProblem } from '../../../src/config/reading/format-problems.ts';
import { defaultModules, loadModules } from '../../../src/config/modules/modules.ts';
import { DEFAULT_MODULES } from '../../../src/config/modules/default-modules.ts';
import { goDuration } from '../../../src/config/schema/values.ts';
import type { ProbeModule } from '../../../src/probes/module.ts';
import { probers } from '../../../src/probes/registry.ts';
import { runProbe } from '../../../src/probes/run.ts';
import { ConfigFolder } from '../../support/config/config-files.ts';
import { hostsResolver, pacedClock } from '../../support/probes/probe.ts';

const folder = new ConfigFolder();
afterAll(() => folder.remove());

const SHIPPED = join('.cache/peers/blackbox_exporter/etc/prometheus/blackbox.yml');

function load(text: string) {
  const result = loadModules(folder.write('blackbox.yml', text), probers);
  const lines = (problems: typeof result.problems) =>
    problems.map((problem) => formatProblem({ ...problem, file: 'blackbox.yml' }));
  return { modules: result.modules, problems: lines(result.problems), notices: lines(result.notices) };
}

function modulesOf(text: string): ReadonlyMap<string, ProbeModule> {
  const { modules, problems } = load(text);
  expect(problems).toEqual([]);
  return modules;
}

/** One module `m` of the prober http. */
const http = (settings: string) => `modules:\n  m:\n    prober: http\n    http:\n      ${settings}\n`;

describe('the default modules', () => {
  it('are all those that blackbox_exporter ships', () => {
    expect([...defaultModules(probers).keys()]).toEqual([...modulesOf(DEFAULT_MODULES).keys()]);
    expect(defaultModules(probers).size).toBe(13);
  });

  if (existsSync(SHIPPED)) {
    it('are its own file, loaded unchanged', () => {
      const shipped = readFileSync(SHIPPED, 'utf8');
      const data = (modules: ReadonlyMap<string, ProbeModule>) =>
        [...modules].map(([name, module]) => [name, module.prober.type, module.timeoutMs, module.redacted()]);
      expect(data(modulesOf(shipped))).toEqual(data(defaultModules(probers)));
    });
  }

  it('leave out modules of unknown probers', () => {
    const some = probers.filter(({ type }) => type === 'tcp');
    expect(defaultModules(some).get('tcp_connect')?.prober.type).toBe('tcp');
    expect(defaultModules(some).has('http_2xx')).toBe(false);
  });
});

describe('a module that needs an unsupported feature', () => {
  const text = http('enable_http3: true');

  it('is loaded with a notice, and each run fails with the reason config', async () => {
    const { modules, problems, notices } = load(text);
    expect(problems).toEqual([]);
    expect(notices).toEqual([
      expect.stringMatching(/^blackbox\.yml:5: modules\.m\.http\.enable_http3: HTTP\/3/),
    ]);
    const module = modules.get('m');
    if (module === undefined) throw new Error('no module');
    const { verdict } = await runProbe({
      probe: module.probe,
      target: { address: 'http://127.0.0.1', label: 'a', host: '127.0.0.1' },
      timeoutMs: 1_000,
      resolver: hostsResolver(),
      clock: pacedClock(),
    });
    expect(verdict).toMatchObject({ status: 'failure', reason: 'config' });
  });

  it.each([
    [
      'basic_auth: { username: a, password_ref: x }',
      'password_ref is not supported: Tocsin has no secret store',
    ],
    [
      'oauth2: { client_id: a, client_secret_ref: x, token_url: "http://t" }',
      'give client_secret_file instead',
    ],
    ['tls_config: { ca_ref: x }', 'give ca_file instead'],
    [
      'oauth2: { client_id: a, client_certificate_key_ref: x, token_url: "http://t" }',
      'give client_certificate_key_file instead',
    ],
  ])('%s is loaded with a notice too, as blackbox_exporter loads it', (line, said) => {
    const { modules, problems, notices } = load(http(line));
    expect(problems).toEqual([]);
    expect(notices).toEqual([expect.stringContaining(said)]);
    expect(modules.has('m')).toBe(true);
  });

  it('leaves a key of the same name unknown elsewhere', () => {
    expect(load(http('audience: x')).problems).toEqual([expect.stringContaining('unknown key "audience"')]);
  });

  it('is refused where it has another mistake too', () => {
    expect(load(`${text}      metod: GET\n`).problems).toHaveLength(2);
  });

  it('is refused for a service', () => {
    const services = 'services: [{ name: a, target: "http://a.test", http: { enable_http3: true } }]';
    expect(folder.problems(services, { probers })).toEqual([
      expect.stringContaining('HTTP/3 is not supported'),
    ]);
  });
});

describe('blackbox.yml', () => {
  const mistakes: readonly (readonly [string, string, readonly string[]])[] = [
    ['an unknown key at the top', 'moduls: {}', ['1: moduls: unknown key "moduls"; did you mean "modules"?']],
    ['modules that are a list', 'modules: []', ['1: modules: expected a mapping (key: value), got a list']],
    [
      'an unknown key of a module',
      'modules:\n  m:\n    prober: http\n    timout: 5s',
      ['4: modules.m.timout: unknown key "timout"; did you mean "timeout"?'],
    ],
    [
      'an unknown setting',
      http('valid_status_code: [200]'),
      [
        '5: modules.m.http.valid_status_code: unknown key "valid_status_code"; did you mean "valid_status_codes"?',
      ],
    ],
    [
      'an unknown setting of a prober that is not the one chosen',
      'modules:\n  m:\n    prober: http\n    tcp:\n      tsl: true',
      ['5: modules.m.tcp.tsl: unknown key "tsl"; did you mean "tls"?'],
    ],
    [
      'a number for a duration',
      'modules:\n  m:\n    prober: http\n    timeout: 1d',
      ['4: modules.m.timeout: "1d" is not a duration; expected one such as 500ms, 5s or 1m30s'],
    ],
    [
      'an invalid regexp',
      http('fail_if_body_matches_regexp: ["(a"]'),
      [
        expect.stringContaining(
          '5: modules.m.http.fail_if_body_matches_regexp[0]: "(a" is not a regular expression',
        ) as unknown as string,
      ],
    ],
    [
      'a key twice',
      'modules:\n  m: { prober: http }\n  m: { prober: tcp }',
      ['3: modules.m: the key "m" is duplicated, first in line 2; remove one'],
    ],
    [
      'invalid bytes',
      'modules:\n  m:\n    prober: tcp\n    tcp: { query_response: [{ send: !!binary "%%" }] }',
      ['4: modules.m.tcp.query_response[0].send: the text of a !!binary must be base64'],
    ],
    [
      'bytes where text is expected',
      http('method: !!binary AAAA'),
      [expect.stringContaining('5: modules.m.http.method: ') as unknown as string],
    ],
    [
      'a file that is not YAML',
      'modules: [',
      [expect.stringContaining('not valid YAML') as unknown as string],
    ],
  ];
  it.each(mistakes)('reports %s, with its line', (_, text, expected) => {
    expect(load(text).problems).toEqual(
      expected.map((line) => (typeof line === 'string' ? `blackbox.yml:${line}` : line)),
    );
  });

  it('is reported together with the problems of tocsin.yml', () => {
    folder.write('modules.yml', 'modules: { m: { prober: http, htp: {} } }');
    const text = 'probe_endpoint: { modules_file: modules.yml, alow: [] }';
    expect(folder.problems(text, { probers })).toEqual([
      expect.stringContaining('tocsin.yml:1: probe_endpoint.alow'),
      expect.stringContaining('modules.yml:1: modules.m.htp: unknown key "htp"; did you mean "http"?'),
    ]);
  });

  it('must exist', () => {
    expect(folder.problems('probe_endpoint: { modules_file: gone.yml }', { probers })).toEqual([
      'gone.yml: cannot read gone.yml: no such file',
    ]);
  });

  it('resolves file names relative to itself', () => {
    folder.write('etc/secret', 'sesame\n');
    folder.write('etc/blackbox.yml', http('basic_auth: { username: u, password_file: secret }'));
    const config = folder.config('probe_endpoint: { modules_file: etc/blackbox.yml }', { probers });
    expect([...config.probeEndpoint.modules().keys()]).toEqual(['m']);
  });

  it('accepts whatever go-yaml accepts as a boolean or a string', () => {
    const yes = ['y', 'Yes', 'ON', 'true'];
    const no = ['n', 'No', 'OFF', 'false'];
    for (const word of [...yes, ...no]) {
      expect(load(http(`fail_if_ssl: ${word}`)).problems).toEqual([]);
      // still a text where a text is expected
      expect(load(http(`fail_if_body_matches_regexp: [${word}]`)).problems).toEqual([]);
    }
    expect(load(http('fail_if_ssl: "yes"')).problems).toEqual([]);
    expect(load(http('fail_if_ssl: "true"')).problems).toHaveLength(1);
    expect(load(http('headers: { X-A: 1, X-B: true, X-C: 1.50 }')).problems).toEqual([]);
  });

  it('merges mappings, as go-yaml does', () => {
    const text = [
      'modules:',
      '  a: &a',
      '    prober: http',
      '    timeout: 3s',
      '    http: &http { method: HEAD }',
      '  b:',
      '    <<: *a',
      '    timeout: 4s',
      '    http:',
      '      <<: *http',
      '      valid_status_codes: [404]',
    ].join('\n');
    const modules = modulesOf(text);
    expect([...modules.values()].map(({ timeoutMs }) => timeoutMs)).toEqual([3_000, 4_000]);
    expect(modules.get('b')?.redacted()).toContain('method: HEAD');
  });

  it('expands nothing: ${1} is a group of a regexp', () => {
    const text =
      'modules: { m: { prober: tcp, tcp: { query_response: [{ expect: "a(b)", send: "${1}" }] } } }';
    expect(load(text).problems).toEqual([]);
  });

  it('has no timeout where it is 0 or negative', () => {
    const timeouts = ['0s', '"0"', '-1s'].map(
      (text) => modulesOf(`modules: { m: { prober: icmp, timeout: ${text} } }`).get('m')?.timeoutMs,
    );
    expect(timeouts).toEqual([undefined, undefined, undefined]);
  });
});

describe('a duration of Go', () => {
  it.each([
    ['5s', 5_000],
    ['1m30s', 90_000],
    ['1.5s', 1_500],
    ['.5s', 500],
    ['250ms', 250],
    ['100us', 0.1],
    ['100µs', 0.1],
    ['1h', 3_600_000],
    ['-2s', -2_000],
    ['+2s', 2_000],
    ['0', 0],
  ])('%s is %d ms', (text, milliseconds) => {
    expect(goDuration.parse(text)).toBeCloseTo(milliseconds, 9);
  });

  it.each(['', '5', 's', '5 s', '1d', '--1s', '5s ', '1.2.3s'])('refuses %j', (text) => {
    expect(goDuration.safeParse(text).success).toBe(false);
  });

  it('survives a round trip', () => {
    fc.assert(
      fc.property(fc.nat({ max: 500 }), fc.nat({ max: 59 }), fc.nat({ max: 999 }), (hours, seconds, ms) => {
        expect(goDuration.parse(`${hours}h${seconds}s${ms}ms`)).toBe(
          hours * 3_600_000 + seconds * 1_000 + ms,
        );
      }),
    );
  });
});

describe('a displayed configuration', () => {
  it('has no secrets from tocsin.yml, the environment or the modules', () => {
    folder.write(
      'blackbox.yml',
      [
        'modules:',
        '  m:',
        '    prober: http',
        '    http:',
        '      headers: { Authorization: hush-1, X-Api: hush-2, Accept: text/plain }',
        '      http_headers: { X-A: { secrets: [hush-3] } }',
        '      body: hush-4',
        '      proxy_url: socks5://u:hush-5@proxy.test:3128',
        '      oauth2: { client_id: bob, client_secret: hush-15, token_url: "http://u:hush-16@t.test/", client_certificate_key: hush-17, client_certificate_key_id: key-id, proxy_url: "http://u:hush-18@p.test" }',
        '  t:',
        '    prober: tcp',
        '    tcp: { query_response: [{ send: "AUTH hush-6" }, { send: !!binary aHVzaC03 }, { expect: fine }] }',
      ].join('\n'),
    );
    const text = [
      'probe_endpoint: { modules_file: blackbox.yml }',
      'server: { tokens: [{ name: a, token: hush-8, scopes: [read] }], node: "${NODE}" }',
      'webhooks: [{ name: w, tokens: [hush-9] }]',
      'services:',
      '  - { name: s, target: "redis://u:hush-10@cache.test:6379/0", redis: { password: "${SECRET}" } }',
      '  - { name: q, target: "http://web.test/a?key=hush-11&b=hush-12", http: {} }',
    ].join('\n');
    const shown = folder.config(text, { probers, env: { NODE: 'hush-13', SECRET: 'hush-14' } }).redacted();
    expect(shown).not.toMatch(/hush|aHVzaC03/);
    for (const kept of [
      'cache.test',
      'bob',
      'fine',
      'Accept: text/plain',
      'proxy.test:3128',
      'key-id',
      '${NODE}',
      'web.test/a?key=',
    ])
      expect(shown).toContain(kept);
  });

  it('is YAML that shows the names of files, and not their content', () => {
    folder.write('secret', 'hush');
    const text =
      'webhooks: [{ name: w, token_files: [secret] }]\nserver: { tokens: [{ name: a, token_file: secret, scopes: [read] }] }';
    const result = folder.load(text.replace('token_files: [secret]', 'tokens: [other]'), { probers });
    if (!result.ok) throw new Error('wrong');
    expect(result.config.redacted()).toContain('token_file: secret');
  });
});

describe('probe_endpoint', () => {
  it('needs an allow list off loopback, once it is configured', () => {
    const open = 'server: { listen: 0.0.0.0:1 }\nwebhooks: []\n';
    expect(folder.problems(open, { probers })).toEqual([]);
    expect(folder.problems(`${open}probe_endpoint: { allow: [] }`, { probers })).toEqual([
      expect.stringContaining('tocsin.yml:3: probe_endpoint.allow: Tocsin listens on 0.0.0.0, off loopback'),
    ]);
    expect(folder.problems(`${open}probe_endpoint: { allow: [10.0.0.0/8] }`, { probers })).toEqual([]);
    expect(folder.problems('probe_endpoint: { allow: [] }', { probers })).toEqual([]);
  });

  it('reports an invalid entry', () => {
    expect(folder.problems('probe_endpoint: { allow: ["http://a"] }', { probers })).toEqual([
      expect.stringContaining('probe_endpoint.allow[0]: "http://a" is not a network, host or glob'),
    ]);
  });
});
