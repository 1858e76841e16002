import fc from 'fast-check';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type Modules = Readonly<Record<string, Json>>;

/** A module of each prober, with most of its settings. */
const BASE: Modules = {
  web: {
    prober: 'http',
    timeout: '5s',
    http: {
      method: 'POST',
      headers: { Host: 'a.test', 'X-A': 'b' },
      body: 'x',
      valid_status_codes: [200, 204],
      valid_http_versions: ['HTTP/1.1', 'HTTP/2.0'],
      preferred_ip_protocol: 'ip4',
      ip_protocol_fallback: true,
      follow_redirects: true,
      fail_if_ssl: false,
      fail_if_body_matches_regexp: ['error'],
      fail_if_header_matches: [{ header: 'X-B', regexp: 'c', allow_missing: true }],
      body_size_limit: '1MB',
      compression: 'gzip',
      basic_auth: { username: 'u', password: 'p' },
      tls_config: { insecure_skip_verify: true, server_name: 'a.test', min_version: 'TLS12' },
    },
  },
  line: {
    prober: 'tcp',
    tcp: {
      source_ip_address: '127.0.0.1',
      query_response: [
        { expect: 'a(b)', send: 'c$1', labels: [{ name: 'd', value: '$1' }] },
        { starttls: true },
      ],
      tls: true,
    },
  },
  echo: { prober: 'icmp', icmp: { payload_size: 10, ttl: 5, dont_fragment: true } },
  name: {
    prober: 'dns',
    dns: {
      query_name: 'a.test',
      query_type: 'A',
      query_class: 'IN',
      transport_protocol: 'tcp',
      recursion_desired: true,
      valid_rcodes: ['NOERROR', 'NXDOMAIN'],
      validate_answer_rrs: { fail_if_not_matches_regexp: ['a'] },
    },
  },
  call: { prober: 'grpc', grpc: { service: 's', tls: true, metadata: { a: ['b'] } } },
  socket: { prober: 'unix', unix: { query_response: [{ expect_bytes: 'a' }], tls: false } },
};

type Path = readonly (string | number)[];

function pathsOf(value: Json, base: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [base];
  const inner = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [base, ...inner.flatMap(([key, one]) => pathsOf(one as Json, [...base, key]))];
}

function replaced(
  value: Json,
  [first, ...rest]: Path,
  change: (old: Json) => Json | undefined,
): Json | undefined {
  if (first === undefined) return change(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    return value.flatMap((one: Json, i) => {
      const kept = i === first ? replaced(one, rest, change) : one;
      return kept === undefined ? [] : [kept];
    });
  }
  const entries = Object.entries(value).map(([key, one]) => [
    key,
    key === first ? replaced(one, rest, change) : one,
  ]);
  return Object.fromEntries(entries.filter(([, one]) => one !== undefined)) as Json;
}

const ODD: readonly Json[] = [
  ...[
    null,
    '',
    0,
    1,
    -1,
    2.5,
    70_000,
    true,
    false,
    'x',
    'a b',
    'é',
    '(',
    '/nope',
    'ipv4',
    'HTTP/2',
    '1d',
    '10KB',
  ],
  ...[
    [],
    {},
    ['a'],
    [1],
    [''],
    ['('],
    { a: 'b' },
    { a: ['b'] },
    [{ name: 'a' }],
    '1.5',
    'no',
    'TLS13',
    'NXDOMAIN',
  ],
];

/** A modules file with one or two mistakes. */
export const mutatedModules: fc.Arbitrary<Modules> = fc
  .array(
    fc.record({
      path: fc.constantFrom(...pathsOf(BASE).filter((path) => path.length > 1)),
      change: fc.oneof(
        { weight: 8, arbitrary: fc.constantFrom(...ODD).map((odd) => () => odd) },
        { weight: 1, arbitrary: fc.constant(() => undefined) },
        {
          weight: 1,
          arbitrary: fc.constant((old: Json) =>
            typeof old === 'object' && old !== null && !(old instanceof Array)
              ? { ...old, unknown_key: 1 }
              : old,
          ),
        },
      ),
    }),
    { minLength: 1, maxLength: 2 },
  )
  .map((mutations) =>
    mutations.reduce<Modules>(
      (modules, { path, change }) => (replaced(modules, path, change) ?? {}) as Modules,
      BASE,
    ),
  );
