import { afterAll, describe, expect, it } from '@jest/globals';
import { formatProblems } from '../../src/config/reading/format-problems.ts';
import { ConfigFolder } from '../support/config/config-files.ts';

const folder = new ConfigFolder();
afterAll(() => folder.remove());
folder.write('secrets/empty', ' \n');
folder.write('secrets/two-lines', 'one\ntwo\n');
folder.write('secrets/token', 'sesame\n');
folder.write('secrets/binary', Uint8Array.of(0xff, 0xfe, 0));

const KEYS =
  'alertmanagers, alerts, confirm, escalation, host, metrics, ping_url, ping_url_file, probe_endpoint, scheduler, server, services, sinks, store, watchdogs, webhooks';
const NAME = 'expected lower-case letters, digits, - and _, beginning with a letter or digit';
const service = (lines: string): string =>
  `services:\n  - name: a\n    target: http://h/\n    http: {}\n${lines}`;

/** A configuration, and each of its problems without `tocsin.yml:`. */
type Case = readonly [name: string, text: string, problems: readonly string[]];

const keys: readonly Case[] = [
  ['a misspelt key', 'server:\n  lisen: x', ['2: server.lisen: unknown key "lisen"; did you mean "listen"?']],
  ['a strange key', 'a: 1', [`1: a: unknown key "a"; valid keys: ${KEYS}`]],
  ['a strange key without a value', 'a:', [`1: a: unknown key "a"; valid keys: ${KEYS}`]],
  ['a key of a later release', 'tracing: []', [`1: tracing: unknown key "tracing"; valid keys: ${KEYS}`]],
  [
    'a misspelt key of a nested mapping',
    'metrics:\n  rate_limit:\n    bursts: 1',
    ['3: metrics.rate_limit.bursts: unknown key "bursts"; did you mean "burst"?'],
  ],
  [
    'the same without a value',
    'metrics:\n  rate_limit:\n    bursts:\n    per_second:',
    ['3: metrics.rate_limit.bursts: unknown key "bursts"; did you mean "burst"?'],
  ],
  [
    'a misspelt setting of a prober',
    'services:\n  - name: a\n    target: http://h/\n    http:\n      metod: GET',
    ['5: services[0].http.metod: unknown key "metod"; did you mean "method"?'],
  ],
  [
    'a misspelt key deep in a prober',
    service('').replace('{}', '{ tls_config: { servername: x } }'),
    ['4: services[0].http.tls_config.servername: unknown key "servername"; did you mean "server_name"?'],
  ],
  [
    'a misspelt key in a branch of a union',
    'scheduler:\n  adaptive: { unhealty: 5s }',
    ['2: scheduler.adaptive.unhealty: unknown key "unhealty"; did you mean "unhealthy"?'],
  ],
  [
    'prototype keys',
    '__proto__: {}\nconstructor: {}\nserver: { toString: 1 }',
    [
      '1: __proto__: unknown key "__proto__"; remove it',
      `2: constructor: unknown key "constructor"; valid keys: ${KEYS}`,
      '3: server.toString: unknown key "toString"; valid keys: header_timeout, keep_alive, lifecycle, listen, max_body, max_connections, max_connections_per_address, max_header_size, max_reads, max_reads_per_address, node, request_timeout, tokens, trusted_proxies',
    ],
  ],
  [
    'a key twice',
    'server: {}\nserver: {}',
    ['2: server: the key "server" is duplicated, first in line 1; remove one'],
  ],
];

const values: readonly Case[] = [
  ['a list for the document', '- a', ['1: expected a mapping (key: value), got a list']],
  ['text for a section', 'server: x', ['1: server: expected a mapping (key: value), got text']],
  ['a mapping for a list', 'services:\n  a: 1', ['1: services: expected a list, got a mapping']],
  [
    'text for a boolean',
    'server:\n  lifecycle: yes',
    ['2: server.lifecycle: expected true or false, got text; in YAML 1.2 "yes" is text'],
  ],
  [
    'a quoted boolean',
    'server:\n  lifecycle: "true"',
    ['2: server.lifecycle: expected true or false, got text; write it without quotes'],
  ],
  [
    'a number for text',
    'services:\n  - { name: 7, target: x, tcp: {} }',
    ['2: services[0].name: expected text, got a number; put it in quotes'],
  ],
  [
    'text for a number',
    'scheduler: { max_per_host: many }',
    ['1: scheduler.max_per_host: expected a number, got text'],
  ],
  [
    'half a number',
    'scheduler: { max_per_host: 1.5 }',
    ['1: scheduler.max_per_host: expected a whole number, got a number'],
  ],
  [
    'a number too small',
    'confirm: { failures: 0 }\nmetrics: { rate_limit: { per_second: 0 } }',
    [
      '1: confirm.failures: expected at least 1, got 0',
      '2: metrics.rate_limit.per_second: expected more than 0, got 0',
    ],
  ],
  [
    'a duration without a unit',
    'scheduler:\n  interval: 30',
    ['2: scheduler.interval: 30 has no unit; expected a duration such as 500ms, 30s or 5m'],
  ],
  [
    'an impossible duration',
    'scheduler:\n  interval: 30 s\n  timeout: -1s',
    [
      '2: scheduler.interval: "30 s" is not a duration; expected one such as 500ms, 30s, 5m or 30d',
      '3: scheduler.timeout: "-1s" is not a duration; expected one such as 500ms, 30s, 5m or 30d',
    ],
  ],
  [
    'a duration out of range',
    'scheduler: { interval: 1ms }\nconfirm: { retry_interval: 0s }\nserver: { keep_alive: 30d }',
    [
      '1: scheduler.interval: expected a duration from 100ms to 24d',
      '2: confirm.retry_interval: expected a duration longer than 0',
      '3: server.keep_alive: expected a duration of at most 24d',
    ],
  ],
  [
    'a wrong size',
    'server:\n  max_body: 64 MB\n  max_header_size: 0',
    [
      '2: server.max_body: "64 MB" is not a size; expected bytes, or one such as 64MiB or 1.5GB',
      '3: server.max_header_size: expected a size of more than 0',
    ],
  ],
  [
    'a wrong network',
    'metrics:\n  trusted:\n    - 10.0.0.0/8\n    - 10.0.0.0/33',
    ['4: metrics.trusted[1]: "10.0.0.0/33" is not a network; expected one such as 10.0.0.0/8, or an address'],
  ],
  [
    'a wrong address to listen on',
    'server: { listen: 10464 }',
    ['1: server.listen: expected HOST:PORT, such as 127.0.0.1:10464'],
  ],
  [
    'a port alone',
    'server: { listen: ":10464" }',
    [
      '1: server.listen: ":10464" is not HOST:PORT; expected such as 127.0.0.1:10464; for every address write 0.0.0.0:10464 or [::]:10464',
    ],
  ],
  [
    'a port out of range',
    'server: { listen: "h:65536" }',
    ['1: server.listen: "h:65536" is not HOST:PORT; expected such as 127.0.0.1:10464'],
  ],
  [
    'an unknown collector',
    'host:\n  collectors:\n    disable: [cpuu, zfs]',
    [
      '3: host.collectors.disable[0]: unknown collector "cpuu"; did you mean "cpu"?',
      '3: host.collectors.disable[1]: unknown collector "zfs"; collectors: cpu, filesystem, loadavg',
    ],
  ],
  [
    'neither false nor a mapping',
    'scheduler: { adaptive: true }',
    ['1: scheduler.adaptive: expected false or a mapping (key: value), got true'],
  ],
  [
    'a bad regular expression',
    service('').replace('{}', '{ fail_if_body_matches_regexp: ["a(b"] }'),
    [
      '4: services[0].http.fail_if_body_matches_regexp[0]: "a(b" is not a regular expression (RE2 syntax): error parsing regexp: missing closing ): `a(b`',
    ],
  ],
  [
    'a value outside a set',
    service('').replace('{}', '{ method: GTE }'),
    ['4: services[0].http.method: unknown value "GTE"; did you mean "GET"?'],
  ],
  [
    'text over two lines',
    'services:\n  - { name: a, target: h:1, tcp: {}, description: "a\\nb" }',
    ['2: services[0].description: expected text on one line, without control characters'],
  ],
];

const access: readonly Case[] = [
  [
    'a missing secret file',
    'server:\n  tokens:\n    - name: a\n      token_file: secrets/none\n      scopes: [read]',
    ['4: server.tokens[0].token_file: cannot read secrets/none: no such file'],
  ],
  [
    'a directory for a secret file',
    'webhooks:\n  - { name: a, token_files: [secrets] }',
    ['2: webhooks[0].token_files[0]: cannot read secrets: it is a directory; name a file in it'],
  ],
  [
    'useless secret files',
    'webhooks:\n  - name: a\n    token_files: [secrets/empty, secrets/two-lines, secrets/binary]',
    [
      '3: webhooks[0].token_files[0]: the file secrets/empty is empty; expected a secret',
      '3: webhooks[0].token_files[1]: expected a token of printable ASCII characters, without spaces, on one line',
      '3: webhooks[0].token_files[2]: secrets/binary is not a text file in UTF-8',
    ],
  ],
  [
    'a secret and its file',
    'server:\n  tokens:\n    - { name: a, token: x, token_file: secrets/token, scopes: [read] }',
    ['3: server.tokens[0].token_file: give either token or token_file, not both'],
  ],
  [
    'neither of them',
    'server:\n  tokens:\n    - { name: a, scopes: [read] }',
    ['3: server.tokens[0]: missing token or token_file'],
  ],
  [
    'tokens and their files',
    'webhooks:\n  - { name: a, tokens: [x], token_files: [secrets/token] }',
    ['2: webhooks[0].token_files: give either tokens or token_files, not both'],
  ],
  [
    'an empty token',
    'server:\n  tokens:\n    - { name: a, token: "", scopes: [read] }',
    [
      '3: server.tokens[0].token: expected a token of printable ASCII characters, without spaces, on one line',
    ],
  ],
  [
    'an unknown scope, and no scopes',
    'server:\n  tokens:\n    - { name: a, token: x, scopes: [reed] }\n    - { name: b, token: y, scopes: [] }',
    [
      '3: server.tokens[0].scopes[0]: unknown value "reed"; did you mean "read"?',
      '4: server.tokens[1].scopes: expected at least 1 entry',
    ],
  ],
  [
    'duplicate names',
    'server:\n  tokens:\n    - { name: a, token: x, scopes: [read] }\n    - { name: a, token: y, scopes: [read] }\nwebhooks:\n  - { name: b, tokens: [z] }\n  - name: b',
    [
      '4: server.tokens[1].name: the name "a" is taken by an earlier entry; names must differ',
      '7: webhooks[1].name: the name "b" is taken by an earlier entry; names must differ',
    ],
  ],
  [
    'two webhooks that cannot be distinguished where the path has no name',
    'webhooks:\n  - name: a\n  - { name: b, tokens: [x] }\n  - name: c\n  - { name: d, hmac: { secret: y } }',
    [
      '4: webhooks[2]: an earlier entry has no tokens either, so a delivery to a path without a name could be for either; give all entries but one tokens or token_files',
    ],
  ],
  [
    'one secret used twice',
    'webhooks:\n  - { name: a, tokens: [x, y] }\n  - { name: b, token_files: [secrets/token] }\n  - { name: c, tokens: [y, sesame] }',
    [
      '4: webhooks[2].tokens[0]: the same secret as that of webhook a; each needs its own',
      '4: webhooks[2].tokens[1]: the same secret as that of webhook b; each needs its own',
    ],
  ],
  [
    'a webhook without token off loopback',
    'server:\n  listen: 0.0.0.0:10464\nwebhooks:\n  - name: main\n  - { name: b, tokens: [x] }',
    [
      '4: webhooks[0]: Tocsin listens on 0.0.0.0:10464, off loopback, so a webhook needs tokens or token_files',
    ],
  ],
  [
    'reloading off loopback that no token allows',
    'server:\n  listen: "[::]:10464"\n  lifecycle: true',
    [
      '3: server.lifecycle: Tocsin listens on [::]:10464, off loopback, so POST /-/reload needs a token with the scope admin; add one, or set false',
    ],
  ],
  [
    'reloading on loopback with tokens, none of which allows it',
    'server:\n  lifecycle: true\n  tokens: [{ name: a, token: x, scopes: [read] }]',
    [
      '2: server.lifecycle: tokens are configured, so POST /-/reload needs a token with the scope admin; add one, or set false',
    ],
  ],
  [
    'header time beyond request time',
    'server:\n  request_timeout: 5s',
    [
      '2: server.request_timeout: header_timeout (10s) is longer than request_timeout (5s), which includes it; expected at most that',
    ],
  ],
];

const services: readonly Case[] = [
  [
    'nothing for a service',
    'services:\n  -\n',
    [
      '2: services[0].name: missing; expected text',
      '2: services[0]: missing prober; add one of these with its settings, such as "http: {}": http, redis, tcp',
      '2: services[0]: missing target; give one of target, targets and targets_file',
    ],
  ],
  [
    'a wrong name',
    'services:\n  - { name: My API, target: h:1, tcp: {} }',
    [`2: services[0].name: "My API" is not a name; ${NAME}`],
  ],
  [
    'a duplicate service',
    `${service('')}  - { name: b, target: h:1, tcp: {} }\n  - { name: a, target: h:1, tcp: {} }`,
    ['6: services[2].name: the name "a" is taken by an earlier entry; names must differ'],
  ],
  [
    'no prober',
    'services:\n  - name: a\n    target: x',
    [
      '2: services[0]: missing prober; add one of these with its settings, such as "http: {}": http, redis, tcp',
    ],
  ],
  [
    'two probers',
    service('    tcp:'),
    [
      '5: services[0].tcp: a service has one prober, and this one has http already; split it into two services',
    ],
  ],
  [
    'a misspelt prober',
    'services:\n  - name: a\n    target: x\n    htpp: {}',
    ['4: services[0].htpp: unknown prober "htpp"; did you mean "http"?'],
  ],
  [
    'an unknown prober',
    'services:\n  - name: a\n    target: x\n    kafka: { topic: x }',
    ['4: services[0].kafka: unknown prober "kafka"; probers: http, redis, tcp'],
  ],
  [
    'no target',
    'services:\n  - name: a\n    tcp: {}',
    ['2: services[0]: missing target; give one of target, targets and targets_file'],
  ],
  [
    'an empty list of targets',
    'services:\n  - name: a\n    targets: []\n    tcp: {}',
    ['3: services[0].targets: expected at least 1 target'],
  ],
  [
    'target and targets',
    service('    targets: [http://i/]'),
    ['5: services[0].targets: give either target or targets, not both'],
  ],
  [
    'targets that are wrong in several ways',
    'services:\n  - name: a\n    http: {}\n    targets:\n      - ftp://h/\n      - 7\n      - { addres: http://h/ }\n      - { address: "tcp://h", alias: x }\n      - ""',
    [
      '5: services[0].targets[0]: not an http:// or https:// URL; expected one such as https://host:8080/health',
      '6: services[0].targets[1]: expected text or a mapping (key: value), got a number',
      '7: services[0].targets[2].address: missing; expected text',
      '7: services[0].targets[2].addres: unknown key "addres"; did you mean "address"?',
      '8: services[0].targets[3].address: not an http:// or https:// URL; expected one such as https://host:8080/health',
      '9: services[0].targets[4]: expected some text, got none',
    ],
  ],
  [
    'targets that are shown identically',
    'services:\n  - name: a\n    http: {}\n    targets:\n      - http://h/?a=1\n      - http://h/?a=2\n      - { address: http://i/, alias: http://h/ }',
    [
      '6: services[0].targets[1]: same label "http://h/" as targets[0]; give one of them an alias: { address: …, alias: … }',
      '7: services[0].targets[2]: same label "http://h/" as targets[0]; give one of them an alias: { address: …, alias: … }',
    ],
  ],
  [
    'labels that are refused',
    service(
      '    labels:\n      job: a\n      __x: a\n      le: a\n      1a: a\n      a-b: a\n      target: a\n      version: a\n      team: 1\n      fine: a',
    ),
    [
      '6: services[0].labels.job: the label "job" is reserved; choose another name',
      '7: services[0].labels.__x: the label "__x" is not allowed: names that begin with __ belong to Prometheus',
      '8: services[0].labels.le: the label "le" is reserved; choose another name',
      '9: services[0].labels.1a: "1a" is not a label name; expected letters, digits and _, not beginning with a digit',
      '10: services[0].labels.a-b: "a-b" is not a label name; expected letters, digits and _, not beginning with a digit',
      '11: services[0].labels.target: the label "target" is reserved; choose another name',
      '12: services[0].labels.version: the label "version" is reserved; choose another name',
      '13: services[0].labels.team: expected text, got a number; put it in quotes',
    ],
  ],
  [
    'a timeout longer than the interval',
    service('    interval: 10s\n    timeout: 15s'),
    ['6: services[0].timeout: a timeout of 15s is longer than the interval of 10s; expected at most that'],
  ],
  [
    'a timeout longer than the inherited interval',
    `scheduler: { interval: 5s }\n${service('    timeout: 6s')}`,
    ['6: services[0].timeout: a timeout of 6s is longer than the interval of 5s; expected at most that'],
  ],
  [
    'the same for the scheduler',
    'scheduler: { timeout: 31s }',
    ['1: scheduler.timeout: a timeout of 31s is longer than the interval of 30s; expected at most that'],
  ],
  [
    'invalid name servers',
    service('    resolver: [dns.example, "192.0.2.53:0", "2001:db8::53"]'),
    [
      '5: services[0].resolver[0]: "dns.example" is not a name server; expected an IP address, such as 192.0.2.53 or [2001:db8::53]:5353',
      '5: services[0].resolver[1]: "192.0.2.53:0" is not a name server; expected an IP address, such as 192.0.2.53 or [2001:db8::53]:5353',
    ],
  ],
  [
    'a degraded_after that cannot be reached',
    service('    degraded_after: 10s'),
    [
      '5: services[0].degraded_after: a success cannot be slower than the timeout of 10s; expected less than that',
    ],
  ],
  [
    'a disabled service that is wrong',
    service('    enabled: false\n    interval: x'),
    ['6: services[0].interval: "x" is not a duration; expected one such as 500ms, 30s, 5m or 30d'],
  ],
  [
    'a rule of a prober about several keys',
    'services:\n  - name: a\n    target: x\n    redis: { password: x, password_file: secrets/token }',
    ['4: services[0].redis.password_file: give either password or password_file, not both'],
  ],
  [
    'an unset variable, once',
    'services:\n  - { name: "${A}", target: "${B}", interval: "${C}", http: {} }',
    [
      '2: services[0].name: the environment variable A is not set; set it, or give a default: ${A:-default}',
      '2: services[0].target: the environment variable B is not set; set it, or give a default: ${B:-default}',
      '2: services[0].interval: the environment variable C is not set; set it, or give a default: ${C:-default}',
    ],
  ],
  [
    'a mistake that several services share',
    'services:\n  - { name: a, target: http://h/, http: &h { metod: GET } }\n  - { name: b, target: http://h/, http: *h }',
    [
      '2: services[0].http.metod: unknown key "metod"; did you mean "method"?',
      '2: services[1].http.metod: unknown key "metod"; did you mean "method"?',
    ],
  ],
];

describe('loadConfig reports', () => {
  it.each([...keys, ...values, ...access, ...services])('%s', (_, text, expected) => {
    expect(folder.problems(text)).toEqual(expected.map((line) => `tocsin.yml:${line}`));
  });

  it('each of six different mistakes, in the order of the file, with a count', () => {
    const result = folder.load(`server:
  lisen: 127.0.0.1:1
  max_connections: many
services:
  - name: a
    target: http://h/
    interval: 30
    http: {}
  - name: a
    target: \${UNSET}
    http: {}
  - name: c
    target: redis://h
    redis: { password_file: secrets/none }
`);
    const text = result.ok ? '' : formatProblems(result.problems).replaceAll(`${folder.path}/`, '');
    expect(text.split('\n')).toEqual([
      'tocsin.yml:2: server.lisen: unknown key "lisen"; did you mean "listen"?',
      'tocsin.yml:3: server.max_connections: expected a number, got text',
      'tocsin.yml:7: services[0].interval: 30 has no unit; expected a duration such as 500ms, 30s or 5m',
      'tocsin.yml:9: services[1].name: the name "a" is taken by an earlier entry; names must differ',
      'tocsin.yml:10: services[1].target: the environment variable UNSET is not set; set it, or give a default: ${UNSET:-default}',
      'tocsin.yml:14: services[2].redis.password_file: cannot read secrets/none: no such file',
      '6 problems in the configuration',
    ]);
  });

  it('problems without secrets', () => {
    const secret = 'hunter2';
    const env = { SECRET: `${secret} x`, NUMBER: '4711' };
    const lines = folder.problems(
      'server:\n  tokens: [{ name: a, token: "${SECRET}", scopes: [1] }]\nwebhooks: [{ name: a, tokens: "${SECRET}" }]\n' +
        'services: [{ name: a, target: x, redis: { password: 4711, either: [4711] } }]',
      { env },
    );
    expect(lines.length).toBeGreaterThan(3);
    expect(lines.join('\n')).not.toMatch(/hunter2|4711/);
  });
});
