import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { toData } from '../../../../src/config/yaml/nodes.ts';
import { parseBlackboxYaml } from '../../../../src/config/yaml/yaml.ts';
import type { Pair, PairServer } from '../differential.ts';
import { startHttp } from '../../servers/http.ts';
import { startTcp } from '../../servers/tcp.ts';

/** A modules file as people publish them, and a server for one of its modules. */
interface PublishedFile {
  readonly name: string;
  readonly text: string;
  /** The module to probe with. */
  readonly module: string;
  readonly server: 'http' | 'tcp' | 'icmp' | 'grpc-closed';
}

const file = (
  name: string,
  server: PublishedFile['server'],
  module: string,
  text: string,
): PublishedFile => ({
  ...{ name, text, module, server },
});

/** Modelled on files in public repositories, with their habits and mistakes. */
export const PUBLISHED_FILES: readonly PublishedFile[] = [
  file(
    'versions that are half wrong',
    'http',
    'http_2xx',
    `modules:
  http_2xx:
    prober: http
    timeout: 15s
    http:
      valid_http_versions: ["HTTP/1.1", "HTTP/2"]
      valid_status_codes: []
      method: GET
      preferred_ip_protocol: ip4
`,
  ),
  file(
    'an address family by another name',
    'http',
    'http_ipv4',
    `modules:
  http_ipv4:
    prober: http
    http:
      preferred_ip_protocol: ipv4
      ip_protocol_fallback: false
`,
  ),
  file(
    'a prober that 0.28 does not have yet',
    'http',
    'web',
    `modules:
  live:
    prober: websocket
    timeout: 5s
  web:
    prober: http
    http: { preferred_ip_protocol: ip4 }
`,
  ),
  file(
    'an invalid status code beside valid ones',
    'http',
    'ok',
    `modules:
  ok:
    prober: http
    http:
      valid_status_codes: [200, 301, 302, 1020]
      preferred_ip_protocol: "ip4"
`,
  ),
  file(
    'certificates of a cluster that are not on this machine',
    'http',
    'http_2xx',
    `modules:
  https_mtls:
    prober: http
    http:
      tls_config:
        ca_file: /etc/ssl/none/ca.crt
        cert_file: /etc/ssl/none/tls.crt
        key_file: /etc/ssl/none/tls.key
  http_2xx:
    prober: http
    http:
      preferred_ip_protocol: ip4
      no_follow_redirects: false
`,
  ),
  file(
    'body_size_limit in binary megabytes',
    'http',
    'small',
    `modules:
  small:
    prober: http
    http:
      body_size_limit: 1KB
      preferred_ip_protocol: ip4
`,
  ),
  file(
    'a file of two documents',
    'http',
    'http_2xx',
    `---
modules:
  http_2xx: { prober: http, http: { preferred_ip_protocol: ip4 } }
---
`,
  ),
  file(
    'anchors and merge keys',
    'http',
    'http_post',
    `modules:
  http_get: &get
    prober: http
    timeout: 10s
    http: &http
      preferred_ip_protocol: ip4
      fail_if_not_ssl: no
  http_post:
    <<: *get
    http:
      <<: *http
      method: POST
`,
  ),
  file(
    'headers of a browser',
    'http',
    'browser',
    `modules:
  browser:
    prober: http
    http:
      preferred_ip_protocol: ip4
      headers:
        User-Agent: "Mozilla/5.0 (X11; Linux x86_64)"
        Accept-Language: en-US
        X-Retry: 1
`,
  ),
  file(
    'a login with a password of the file',
    'http',
    'login',
    `modules:
  login:
    prober: http
    http:
      preferred_ip_protocol: ip4
      method: POST
      headers: { Content-Type: application/json }
      body: '{"a": "b"}'
      basic_auth: { username: u, password: "p" }
`,
  ),
  file(
    'words that must not be in a page',
    'http',
    'words',
    `modules:
  words:
    prober: http
    http:
      preferred_ip_protocol: ip4
      fail_if_body_matches_regexp: ["(?i)fatal error", "Could not connect to database"]
      fail_if_body_not_matches_regexp: ["hello"]
`,
  ),
  file(
    'a word that is missing',
    'http',
    'words',
    `modules:
  words:
    prober: http
    http:
      preferred_ip_protocol: ip4
      fail_if_body_not_matches_regexp: ["goodbye"]
`,
  ),
  file(
    'a redirect that is wanted',
    'http',
    'http_301',
    `modules:
  http_301:
    prober: http
    http:
      preferred_ip_protocol: ip4
      follow_redirects: false
      valid_status_codes: [301, 302]
      fail_if_header_not_matches: [{ header: Location, regexp: '^https://' }]
`,
  ),
  file(
    'CEL with a comment',
    'http',
    'health',
    `modules:
  health:
    prober: http
    http:
      preferred_ip_protocol: ip4
      fail_if_body_json_not_matches_cel: |
        matches(body.status, "^(UP|ok)$") // Spring and others
`,
  ),
  file(
    'a banner of SSH',
    'tcp',
    'ssh_banner',
    `modules:
  ssh_banner:
    prober: tcp
    tcp:
      preferred_ip_protocol: ip4
      query_response: [{ expect: "^SSH-2.0-" }]
`,
  ),
  file(
    'a banner of SMTP',
    'tcp',
    'smtp',
    `modules:
  smtp:
    prober: tcp
    tcp:
      preferred_ip_protocol: ip4
      query_response:
        - expect: "^220 ([^ ]+) ESMTP (.+)$"
        - send: "EHLO prober\\r"
`,
  ),
  file(
    'TLS that is not there',
    'tcp',
    'tls',
    `modules:
  tls:
    prober: tcp
    tcp: { preferred_ip_protocol: ip4, tls: true, tls_config: { insecure_skip_verify: true } }
`,
  ),
  file(
    'tcp of the address family by another name',
    'tcp',
    'tcp_connect',
    `modules:
  tcp_connect: { prober: tcp, timeout: 5s, tcp: { preferred_ip_protocol: "IPv4" } }
`,
  ),
  file(
    'pings',
    'icmp',
    'icmp',
    `modules:
  icmp:
    prober: icmp
    timeout: 5s
    icmp: { preferred_ip_protocol: ip4, payload_size: 64.0 }
`,
  ),
  file(
    'gRPC with metadata that it keeps for itself',
    'grpc-closed',
    'grpc_plain',
    `modules:
  grpc_plain:
    prober: grpc
    grpc: { preferred_ip_protocol: ip4, service: a, metadata: { user-agent: [probe] } }
`,
  ),
];

const page: RequestListener = (_request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/html' }).end(`hello${' '.repeat(1_010)}`);
};

const banner = (socket: Socket): void => void socket.write('SSH-2.0-OpenSSH_9.6\r\n');

async function serverOf(kind: PublishedFile['server']): Promise<PairServer> {
  if (kind === 'icmp') return { target: '127.0.0.1', stop: () => undefined };
  if (kind === 'http') {
    const server = await startHttp(page);
    return { target: server.url, stop: () => server.close() };
  }
  const server = await startTcp(kind === 'tcp' ? banner : (socket) => socket.end());
  return { target: server.address, stop: () => server.close() };
}

function moduleOf({ text, module }: PublishedFile): Pair['module'] {
  const { root } = parseBlackboxYaml(text);
  if (root === undefined) throw new Error('no YAML');
  const { modules } = toData(root, new Set()) as { modules: Readonly<Record<string, Pair['module']>> };
  const found = modules[module];
  if (found === undefined) throw new Error(`no module ${module}`);
  return { timeout: '10s', ...found };
}

const codes =
  (code: number, headers: Readonly<Record<string, string>> = {}): RequestListener =>
  (_request, response) =>
    void response.writeHead(code, { ...headers }).end('x');

function setting(
  name: string,
  http: Readonly<Record<string, unknown>>,
  answer: RequestListener = page,
): Pair {
  return {
    name: `settings that are not checked: ${name}`,
    module: { prober: 'http', timeout: '10s', http: { preferred_ip_protocol: 'ip4', ...http } },
    start: async () => {
      const server = await startHttp(answer);
      return { target: server.url, stop: () => server.close() };
    },
  };
}

const jsonBody =
  (value: unknown): RequestListener =>
  (_request, response) =>
    void response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
const sized =
  (bytes: number): RequestListener =>
  (_request, response) =>
    void response.end(Buffer.alloc(bytes, 'x'));

export const publishedPairs: readonly Pair[] = [
  ...PUBLISHED_FILES.map((one): Pair => ({
    name: `published: ${one.name}`,
    module: moduleOf(one),
    start: () => serverOf(one.server),
  })),
  setting('only statuses that there are not', { valid_status_codes: [1000] }),
  setting('a status that is cut off after its point', { valid_status_codes: [404.7] }, codes(404)),
  setting('only versions that there are not', { valid_http_versions: ['HTTP/2'] }),
  setting('versions as numbers', { valid_http_versions: ['1.1'] }),
  setting('preferred_ip_protocol: 4', { preferred_ip_protocol: '4' }),
  setting('preferred_ip_protocol: ipv6', { preferred_ip_protocol: 'ipv6' }),
  setting('fail_if_ssl and fail_if_not_ssl of lists that are empty', {
    fail_if_body_matches_regexp: [],
    valid_status_codes: [],
  }),
  setting('a body of 1 KB', { body_size_limit: '1KB' }, sized(1_024)),
  setting('a body of 1 KB and a byte', { body_size_limit: '1KB' }, sized(1_025)),
  setting('a body of 1.5 KB', { body_size_limit: '1.5KB' }, sized(1_536)),
  setting('a body of 1.5 KB and a byte', { body_size_limit: '1.5KB' }, sized(1_537)),
  setting('a body of 1 MB', { body_size_limit: '1MB' }, sized(1_048_576)),
  setting('a body of 1 MB and a byte', { body_size_limit: '1MB' }, sized(1_048_577)),
  setting('a limit of two units', { body_size_limit: '1KB512B' }, sized(1_537)),
  setting('a limit below nothing', { body_size_limit: '-1KB' }, sized(5_000)),
  setting(
    'CEL: matches as a function',
    { fail_if_body_json_not_matches_cel: 'matches(body.s, "^o")' },
    jsonBody({ s: 'ok' }),
  ),
  setting('CEL: a comment', { fail_if_body_json_matches_cel: 'body.n == 5 // five' }, jsonBody({ n: 5 })),
  setting(
    'CEL: a type that does not fit',
    { fail_if_body_json_not_matches_cel: 'body.n.matches("5")' },
    jsonBody({ n: 5 }),
  ),
  setting('http_headers without values', { http_headers: { 'X-A': {} } }),
  {
    ...setting('a method in small letters', { method: 'post' }, codes(200)),
    differs: {
      title: 'Methods are sent in capitals',
      series: ['probe_http_status_code', 'probe_http_uncompressed_body_length', 'probe_success'],
    },
  },
];
