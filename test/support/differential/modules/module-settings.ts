/**
 * The fate of a file: `refused` by blackbox_exporter 0.28; or loaded by it, and here it `works`, works with a
 * `notice`, or its module `fails` each run. `only here …`: blackbox_exporter refuses it.
 */
export type Fate = 'refused' | 'works' | 'notice' | 'fails' | 'only here works' | 'only here loaded';

const of =
  (prober: string) =>
  (fate: Fate, ...settings: readonly string[]) =>
    settings.map((one) => [fate, prober, one] as const);

const http = of('http');
const tcp = of('tcp');
const icmp = of('icmp');
const dns = of('dns');
const grpc = of('grpc');

const TOKEN = 'client_id: a, token_url: "http://t"';
const JWT = 'grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer"';

/** Settings of a prober, and their fate. */
export const SETTINGS: readonly (readonly [fate: Fate, prober: string, settings: string])[] = [
  ...http(
    'works',
    ...[
      'valid_status_codes: [200.0]',
      'valid_http_versions: null',
      'method: null',
      'method: 1',
      'method: get',
    ],
    ...[
      'headers: { a: null }',
      'proxy_url: "proxy:3128"',
      'fail_if_ssl: "yes"',
      'authorization: { type: "Tok en" }',
      'authorization: { type: "", credentials: a }',
    ],
    ...[`oauth2: { ${TOKEN} }`, `oauth2: { ${TOKEN}, endpoint_params: { a: 1 } }`, 'compression: GZIP'],
    ...[
      'body_size_limit: 1MB',
      'body_size_limit: 1KiB',
      'body_size_limit: 1.5MB',
      'body_size_limit: 1MB512KB',
    ],
    ...[
      'body_size_limit: 1GiB1MiB',
      'body_size_limit: 0',
      'body_size_limit: .5MB',
      'body_size_limit: -1MB',
      'body_size_limit: 1EB',
      'body_size_limit: +1MB',
    ],
    ...[
      'fail_if_body_matches_regexp: [""]',
      'fail_if_body_json_matches_cel: null',
      'no_follow_redirects: true',
    ],
    ...['preferred_ip_protocol: null', 'fail_if_ssl: null', 'valid_status_codes: null', 'basic_auth: null'],
    ...['basic_auth: {}', 'tls_config: null', 'headers: { a: b, A: c }', 'headers: { a: 2020-01-01 }'],
    ...[
      'valid_status_codes: [null]',
      'fail_if_body_matches_regexp: [null]',
      'skip_resolve_phase_with_proxy: true',
    ],
  ),
  ...http(
    'notice',
    ...[
      'valid_status_codes: [200, 1000]',
      'valid_status_codes: [200.5, 200]',
      'valid_status_codes: [0, 404]',
    ],
    ...[
      'valid_http_versions: ["HTTP/1.1", "HTTP/2"]',
      'preferred_ip_protocol: ipv4',
      'preferred_ip_protocol: 4',
    ],
    ...['preferred_ip_protocol: IPv6', 'http_headers: { a: {} }', 'http_headers: { a: { values: [] } }'],
    ...[`oauth2: { ${TOKEN}, grant_type: password, client_secret: s }`],
  ),
  ...http(
    'fails',
    ...['valid_status_codes: [1000]', 'valid_status_codes: [0, -1]', 'valid_http_versions: [1.1]'],
    ...['valid_http_versions: ["HTTP/2"]', 'method: "GE T"', 'compression: zstd', 'headers: { "a b": c }'],
    ...[
      'fail_if_ssl: true, fail_if_not_ssl: true',
      'http_headers: { a: { files: [/nope] } }',
      'body_file: /nope',
    ],
    ...['basic_auth: { password_file: /nope }', 'authorization: { credentials_file: /nope }'],
    ...['bearer_token_file: /nope', 'oauth2: { client_id: a, token_url: "x y" }', 'proxy_url: "ftp://a"'],
    ...[`oauth2: { ${TOKEN}, client_secret_file: /nope }`, `oauth2: { ${TOKEN}, ${JWT} }`],
    ...[`oauth2: { ${TOKEN}, ${JWT}, client_certificate_key: x }`, 'proxy_url: "a b"'],
    ...['tls_config: { ca_file: /nope }', 'tls_config: { ca: x }', 'tls_config: { cert: x, key: y }'],
    ...['enable_http3: true, enable_http2: false'],
    ...['basic_auth: { username: a, password_ref: x }', 'valid_http_versions: ["", "HTTP/9"]'],
  ),
  ...http(
    'refused',
    ...['valid_status_codes: ["200"]', 'valid_status_codes: 200', 'headers: { a: [b] }', 'headers: [a]'],
    ...[
      'http_headers: { host: { values: [a] } }',
      'http_headers: { a: b }',
      'authorization: { type: Basic }',
    ],
    ...[],
    ...['bearer_token: a, basic_auth: { username: b }', 'oauth2: {}'],
    ...['oauth2: { client_id: a }', 'oauth2: { token_url: "http://t", client_secret: s }', 'no_proxy: a'],
    ...['proxy_connect_header: { a: [b] }'],
    ...['proxy_url: "http://p", proxy_from_environment: true', 'proxy_from_environment: true, no_proxy: a'],
    ...['fail_if_header_matches: [{ header: a, regexp: "" }]', 'fail_if_header_matches: [{ header: a }]'],
    ...['fail_if_header_matches: [{ header: "", regexp: a }]', 'tls_config: { min_version: TLS9 }'],
    ...['tls_config: { cert: x }', 'tls_config: { min_version: "" }'],
    ...['body_size_limit: 1024', 'body_size_limit: 1mb', 'body_size_limit: ""'],
    ...['body_size_limit: 1KB1MiB', 'body_size_limit: 1 MB', 'body_size_limit: 1K', 'body_size_limit: 99EB'],
    ...['fail_if_body_matches_regexp: a', 'fail_if_body_matches_regexp: ["(?=a)"]', 'follow_redirects: 1'],
    ...['headers: { Accept-Encoding: gzip }, compression: br', 'timeout: 5s', 'use_proxy_dns: true'],
    ...['fail_if_body_json_matches_cel: "foo(body)"', 'valid_status_code: [200]'],
  ),
  // the unreadable file is found first
  ...http(
    'only here loaded',
    ...[
      'basic_auth: { username: a, username_file: /nope }',
      'basic_auth: { password: a, password_file: /nope }',
    ],
    ...[
      'bearer_token: a, bearer_token_file: b',
      'tls_config: { ca: x, ca_file: y }',
      'body: a, body_file: b',
    ],
    `oauth2: { ${TOKEN}, client_secret: s, client_secret_file: f }`,
  ),
  ...tcp(
    'works',
    ...['query_response: [{ send: 1 }]', 'query_response: [{ send: null }]', 'query_response: [null]'],
    ...['query_response: [{}]', 'query_response: []', 'tls_config: { server_name: "" }', 'tls: yes'],
    ...[
      'query_response: [{ expect: "(?P<a>b)(?<c>d)" }]',
      'query_response: [{ expect_bytes: "" , expect: a}]',
    ],
  ),
  ...tcp('notice', 'preferred_ip_protocol: ipv6, ip_protocol_fallback: no'),
  ...tcp(
    'fails',
    ...['source_ip_address: foo', 'query_response: [{ labels: [{ name: "a-b" }] }]'],
    ...[
      'query_response: [{ labels: [{ name: a }, { name: a }] }]',
      'query_response: [{ labels: [{ value: a }] }]',
    ],
  ),
  ...tcp(
    'refused',
    ...['query_response: [{ expect: a, expect_bytes: b }]', 'query_response: {}', 'tls: "true"', 'tsl: true'],
    'query_response: [{ expect: "(" }]',
  ),
  ...icmp('works', 'ttl: 0', 'ttl: 1.0', 'dont_fragment: yes', 'payload_size: 0x10', 'payload_size: 1_000'),
  ...icmp('fails', 'payload_size: -1', 'payload_size: 70000', 'source_ip_address: a'),
  ...icmp('refused', 'ttl: -1', 'ttl: 256', 'ttl: "1"'),
  ...dns(
    'works',
    ...[
      'query_name: a, query_type: ""',
      'query_name: a, query_class: ""',
      'query_name: a, valid_rcodes: null',
    ],
    'query_name: a, validate_answer_rrs: null',
  ),
  ...dns(
    'fails',
    ...[
      'query_name: "a..b"',
      'query_name: a, transport_protocol: sctp',
      'query_name: a, valid_rcodes: [FOO]',
    ],
    ...[
      'query_name: a, transport_protocol: UDP',
      'query_name: a, dns_over_tls: true, transport_protocol: udp',
    ],
    ...['query_name: a, valid_rcodes: []', 'query_name: a, valid_rcodes: [NOERROR, FOO]'],
    ...[
      'query_name: a, validate_answer_rrs: { fail_if_matches_regexp: ["("] }',
      'query_name: a, source_ip_address: b',
    ],
  ),
  ...dns(
    'refused',
    ...['query_name: ""', 'query_name: a, query_type: a', 'query_name: a, query_type: FOO', ''],
    ...['query_name: a, query_type: 1', 'query_name: a, query_class: in'],
  ),
  ...grpc('works', 'metadata: { a: [b] }', 'metadata: { a: [] }', 'metadata: { a: [1] }', 'service: 1'),
  ...grpc('notice', 'metadata: { user-agent: [c] }', 'metadata: { te: [c] }'),
  ...grpc('fails', 'metadata: { "a b": [c] }', 'metadata: { a: ["ü"] }'),
  ...grpc('refused', 'metadata: { a: b }', 'metadata: [a]'),
];

/** Complete files, and their fate. */
export const FILES: readonly (readonly [fate: Fate, text: string])[] = [
  ['works', 'modules: { m: { prober: websocket } }'],
  [
    'only here works',
    'modules: { m: { prober: websocket, websocket: { headers: { Host: { values: [a] } } } } }',
  ],
  ['fails', 'modules: { m: { prober: websoket } }'],
  ['fails', 'modules: { m: { prober: HTTP } }'],
  ['fails', 'modules: { m: { timeout: 5s } }'],
  ['fails', 'modules: { m: }'],
  ['fails', 'modules: { m: {} }'],
  ['fails', 'modules: { m: { prober: dns } }'],
  ['fails', 'modules: { m: { prober: dns, dns: } }'],
  ['works', 'modules:'],
  ['works', '{}'],
  ['works', '---\nmodules: { m: { prober: http } }\n---\n'],
  ['works', '---\nmodules: { m: { prober: http } }\n---\nfoo: bar\n'],
  ['works', 'modules: { 404: { prober: http } }'],
  ['works', 'modules: { m: { prober: http, tcp: { source_ip_address: x } } }'],
  ['works', 'modules: { m: { prober: http, http: { body: a }, tcp: { tls_config: { ca_file: /nope } } } }'],
  ['works', 'modules: { m: { prober: http, timeout: null } }'],
  ['works', 'modules: { m: { prober: http, http: null } }'],
  ['works', 'modules: { m: { prober: http, timeout: 5h30m, }, }'],
  ['works', 'modules: { "m n/o": { prober: http } }'],
  ['works', 'modules: { m: { prober: http, <<: { timeout: 5s } } }'],
  ['works', 'modules: { m: &a { prober: http }, n: *a }'],
  ['refused', ''],
  ['refused', '# nothing but a comment\n'],
  ['refused', 'modules: []'],
  ['refused', 'modules: { m: [] }'],
  ['refused', 'a: 1\nmodules: {}'],
  ['refused', 'modules: { m: { prober: [http] } }'],
  ['refused', 'modules: { m: { prober: http, timeout: 5 } }'],
  ['refused', 'modules: { m: { prober: http, timeout: 0 } }'],
  ['refused', 'modules: { m: { prober: http, timeout: 1d } }'],
  ['refused', 'modules: { m: { prober: http, timeout: "" } }'],
  ['refused', 'modules: { m: { prober: http, http: "" } }'],
  ['refused', 'modules: { m: { prober: http }, m: { prober: tcp } }'],
  ['only here works', 'modules: { m: { prober: redis, redis: {} } }'],
];
