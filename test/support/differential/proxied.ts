import type { Difference } from './differential.ts';
import type { Places } from './recorders.ts';

type Settings = Readonly<Record<string, unknown>>;

/** Settings of the http prober, and a target, that involve a proxy or a token endpoint. */
export interface Case {
  /** What is compared; unique. */
  readonly name: string;
  readonly http: (at: Places) => Settings;
  readonly target: (at: Places) => string;
  readonly query?: Readonly<Record<string, string>>;
  readonly timeoutSeconds?: number;
  readonly differs?: Difference;
  /** The intermediate servers intentionally receive other requests; the title of the difference, as in `differs`. */
  readonly asksOtherwise?: string;
}

type More = Partial<Pick<Case, 'query' | 'timeoutSeconds' | 'differs' | 'asksOtherwise' | 'target'>>;

export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

const portOf = (address: string): string => address.slice(address.lastIndexOf(':') + 1);
const byName = (at: Places): string => `http://localhost:${portOf(at.target)}/a?b=c`;
const secure = (at: Places): string => `https://${at.secureTarget}/a`;

function case_(name: string, http: Case['http'], more: More = {}): Case {
  return { name, http, target: byName, ...more };
}

const ANSWER_SERIES = [
  'probe_success',
  ...['content_length', 'status_code', 'uncompressed_body_length', 'version'].map(
    (what) => `probe_http_${what}`,
  ),
];
const TOKEN_ANSWERS = 'Answers of token endpoints are read in one way';
const REFERENCES: Difference = {
  title: 'References to secrets fail before anything is looked up',
  series: [
    'probe_dns_lookup_time_seconds',
    'probe_ip_addr_hash',
    'probe_ip_protocol',
    ...['content_length', 'redirects', 'ssl', 'status_code', 'uncompressed_body_length', 'version'].map(
      (what) => `probe_http_${what}`,
    ),
    'probe_http_duration_seconds',
    'probe_failed_due_to_regex',
  ],
};

const socks: readonly Case[] = [
  case_('socks5, a name', (at) => ({ proxy_url: `socks5://${at.socks}` })),
  case_('socks5h, a name', (at) => ({ proxy_url: `socks5h://${at.socks}` })),
  case_('SOCKS5 in capitals', (at) => ({ proxy_url: `SOCKS5://${at.socks}` })),
  case_('socks5, an address', (at) => ({ proxy_url: `socks5://${at.socks}` }), {
    target: (at) => `http://${at.target}/`,
  }),
  case_('socks5, an IPv6 address', (at) => ({ proxy_url: `socks5://${at.socks}` }), {
    target: (at) => `http://[::1]:${portOf(at.target)}/`,
  }),
  case_('socks5, the name left to it', (at) => ({
    proxy_url: `socks5://${at.socks}`,
    skip_resolve_phase_with_proxy: true,
  })),
  case_(
    'socks5, a name that only it knows',
    (at) => ({ proxy_url: `socks5h://${at.socks}`, skip_resolve_phase_with_proxy: true }),
    { target: (at) => `http://only.there.invalid:${portOf(at.target)}/` },
  ),
  case_('socks5, an unknown name', (at) => ({ proxy_url: `socks5://${at.socks}` }), {
    target: () => 'http://nobody.invalid/',
  }),
  case_('socks5, https', (at) => ({ proxy_url: `socks5://${at.socks}` }), { target: secure }),
  case_(
    'socks5, https, the name left to it',
    (at) => ({ proxy_url: `socks5://${at.socks}`, skip_resolve_phase_with_proxy: true }),
    { target: secure },
  ),
  case_('socks5, no TLS where it is wanted', (at) => ({ proxy_url: `socks5://${at.socks}` }), {
    target: (at) => `https://${at.target}/`,
  }),
  case_('socks5, user and password', (at) => ({ proxy_url: `socks5://me:p%40ss@${at.socksWithPassword}` })),
  case_('socks5, a wrong password', (at) => ({ proxy_url: `socks5://me:no@${at.socksWithPassword}` })),
  case_('socks5, a user alone', (at) => ({ proxy_url: `socks5://me@${at.socksWithPassword}` })),
  case_('socks5, a password that is not given', (at) => ({ proxy_url: `socks5://${at.socksWithPassword}` })),
  case_('socks5, a password that is not requested', (at) => ({ proxy_url: `socks5://me:p@${at.socks}` })),
  case_('socks5, refused by its rules', (at) => ({ proxy_url: `socks5://${at.socksRefusing}` })),
  case_('socks5, a closed port behind it', (at) => ({ proxy_url: `socks5://${at.socks}` }), {
    target: (at) => `http://${at.closed}/`,
  }),
  case_('socks5, byte by byte, bound to a name', (at) => ({ proxy_url: `socks5://${at.socksOdd}` })),
  case_('socks5, a closed port', (at) => ({ proxy_url: `socks5://${at.closed}` })),
  case_('socks5 without a port', () => ({ proxy_url: 'socks5://127.9.9.9' })),
  case_('socks5, silent', (at) => ({ proxy_url: `socks5://${at.silent}` }), { timeoutSeconds: 1.5 }),
  case_('socks5, an HTTP server', (at) => ({ proxy_url: `socks5://${at.target}` })),
  case_('socks5, a virtual host', (at) => ({ proxy_url: `socks5://${at.socks}` }), {
    query: { hostname: 'v.test' },
  }),
  case_('socks5, a redirect', (at) => ({ proxy_url: `socks5://${at.socks}` }), {
    target: (at) => `http://${at.target}/redirect`,
  }),
  case_('socks5, a redirect of a name', (at) => ({ proxy_url: `socks5://${at.socks}` }), {
    target: (at) => `http://localhost:${portOf(at.target)}/redirect`,
  }),
  case_('socks5, a redirect to another name', (at) => ({ proxy_url: `socks5://${at.socks}` }), {
    target: (at) => `http://${at.target}/away`,
    asksOtherwise: 'Redirects through a proxy are resolved, too',
  }),
  case_('socks5, credentials of the target', (at) => ({ proxy_url: `socks5://${at.socks}` }), {
    target: (at) => `http://u:p@${at.target}/`,
  }),
  case_('socks5, a body', (at) => ({ proxy_url: `socks5://${at.socks}`, method: 'POST', body: 'a=b' })),
  case_('socks5 from the environment', () => ({ proxy_from_environment: true }), {
    target: (at) => `http://192.0.2.1:${portOf(at.target)}/`,
  }),
  case_('the environment, for loopback', () => ({ proxy_from_environment: true })),
  case_('no_proxy', (at) => ({ proxy_url: `socks5://${at.closed}`, no_proxy: '192.0.2.0/24' })),
  case_('an empty proxy_url', () => ({ proxy_url: '' })),
];

const httpProxies: readonly Case[] = [
  case_('a proxy, a name', (at) => ({ proxy_url: `http://${at.proxy}` })),
  case_('a proxy, the name left to it', (at) => ({
    proxy_url: `http://${at.proxy}`,
    skip_resolve_phase_with_proxy: true,
  })),
  case_('a proxy with a password', (at) => ({ proxy_url: `http://u:p%40@${at.proxy}` })),
  case_(
    'a proxy and a virtual host',
    (at) => ({ proxy_url: `http://${at.proxy}`, headers: { Host: `127.0.0.1:${portOf(at.target)}` } }),
    {},
  ),
  case_('a proxy and a redirect', (at) => ({ proxy_url: `http://${at.proxy}` }), {
    target: (at) => `http://localhost:${portOf(at.target)}/redirect?x`,
  }),
  case_('a proxy and credentials of the target', (at) => ({ proxy_url: `http://u:p@${at.proxy}` }), {
    target: (at) => `http://me:pass@${at.target}/`,
  }),
  case_('a tunnel', (at) => ({ proxy_url: `http://${at.proxy}` }), { target: secure }),
  case_(
    'a tunnel, the name left to the proxy',
    (at) => ({ proxy_url: `http://${at.proxy}`, skip_resolve_phase_with_proxy: true }),
    { target: secure },
  ),
  case_(
    'a tunnel with headers and a password',
    (at) => ({ proxy_url: `http://u:p@${at.proxy}`, proxy_connect_header: { 'X-A': ['1', '2'] } }),
    { target: secure },
  ),
  case_('a tunnel that is refused', (at) => ({ proxy_url: `http://${at.refusing(502)}` }), {
    target: secure,
  }),
  case_('a tunnel that wants a password', (at) => ({ proxy_url: `http://${at.refusing(407)}` }), {
    target: secure,
  }),
  case_('a proxy over TLS', (at) => ({ proxy_url: `https://${at.secureProxy}` }), {
    differs: {
      title: 'The TLS of a proxy is not that of the target',
      series: [
        'probe_http_ssl',
        ...['probe_ssl_earliest_cert_expiry', 'probe_ssl_last_chain_expiry_timestamp_seconds'],
        ...['probe_ssl_last_chain_info', 'probe_tls_cipher_info', 'probe_tls_version_info'],
      ],
    },
  }),
  case_('a tunnel over TLS', (at) => ({ proxy_url: `https://${at.secureProxy}` }), { target: secure }),
  case_('a proxy that is not there', (at) => ({ proxy_url: `http://${at.closed}` })),
  case_('a proxy that is not there, the name left to it', (at) => ({
    proxy_url: `http://${at.closed}`,
    skip_resolve_phase_with_proxy: true,
  })),
  case_('a proxy with an unknown name', () => ({ proxy_url: 'http://nobody.invalid:1' })),
  case_('a silent proxy', (at) => ({ proxy_url: `http://${at.silent}` }), {
    target: secure,
    timeoutSeconds: 1.5,
  }),
];

type OAuth2 = (at: Places) => Settings;

/** With the client credentials grant; `path` selects the answer of the endpoint. */
function credentials(name: string, path: string, more: Settings | OAuth2 = {}, rest: More = {}): Case {
  const http = (at: Places): Settings => ({
    oauth2: {
      client_id: 'me',
      client_secret: 'secret',
      token_url: `http://localhost:${portOf(at.tokens)}/${path}`,
      ...(typeof more === 'function' ? more(at) : more),
    },
  });
  return case_(`a token: ${name}`, http, rest);
}

const json = (value: object): string => `with/${encodeURIComponent(JSON.stringify(value))}`;

const tokens: readonly Case[] = [
  credentials('as it is', 'token'),
  credentials('scopes and parameters', 'token?x=y', { scopes: ['a', 'b'], endpoint_params: { aud: 'x y' } }),
  credentials('without a secret', 'token', { client_secret: '' }),
  credentials('odd characters', 'token', { client_id: 'm é', client_secret: " !'()*~/+=&%" }),
  credentials('another grant among the parameters', 'token', {
    endpoint_params: { grant_type: 'password', username: 'u' },
  }),
  credentials('keys of the other grant', 'token', { signature_algorithm: 'X', iss: 'i', claims: { a: 1 } }),
  credentials('an empty grant_type', 'token', { grant_type: '' }),
  credentials('refused', 'status/401'),
  credentials('an endpoint that is broken', 'status/500'),
  credentials('credentials wanted in the body (401)', 'body-only/401'),
  credentials('credentials wanted in the body (500)', 'body-only/500'),
  credentials('credentials wanted in the body (200)', 'body-only/200'),
  credentials('answered as a form', `form/${encodeURIComponent('application/x-www-form-urlencoded')}`),
  credentials('answered as text', `form/${encodeURIComponent('text/plain; charset=utf-8')}`),
  credentials('without a token', json({ access_token: '' })),
  credentials('without a life', json({ expires_in: 0 })),
  credentials('with a life that is null', json({ expires_in: null })),
  credentials('with a life in a text', json({ expires_in: '60' })),
  credentials('of another type', json({ token_type: 'X-Kind' })),
  credentials('of no type', json({ token_type: '' })),
  credentials('of a type that is null', json({ token_type: null })),
  credentials('a closed port', '', (at) => ({ token_url: `http://${at.closed}/` })),
  credentials('over TLS', '', (at) => ({ token_url: `https://${at.secureTokens}/token` })),
  credentials('refused by the target', 'token', {}, { target: (at) => `http://${at.target}/refuse` }),
];

const tokenProxies: readonly Case[] = [
  credentials('through a proxy', 'token?x', (at) => ({ proxy_url: `http://u:p@${at.proxy}` })),
  credentials('through a proxy over TLS', 'token', (at) => ({ proxy_url: `https://${at.secureProxy}` })),
  credentials('through a tunnel', '', (at) => ({
    token_url: `https://${at.secureTokens}/token`,
    proxy_url: `http://u:p@${at.proxy}`,
    proxy_connect_header: { 'X-A': ['1'] },
  })),
  credentials('through a SOCKS proxy', 'token', (at) => ({
    proxy_url: `socks5://me:p%40ss@${at.socksWithPassword}`,
  })),
  credentials('over TLS through a SOCKS proxy', '', (at) => ({
    token_url: `https://${at.secureTokens}/token`,
    proxy_url: `socks5://${at.socks}`,
  })),
  credentials('through a proxy that refuses', '', (at) => ({
    token_url: `https://${at.secureTokens}/token`,
    proxy_url: `http://${at.refusing(502)}`,
  })),
  credentials('through a SOCKS proxy that refuses', 'token', (at) => ({
    proxy_url: `socks5://${at.socksRefusing}`,
  })),
  credentials('through a proxy that is not there', 'token', (at) => ({ proxy_url: `http://${at.closed}` })),
  credentials('no_proxy', 'token', (at) => ({ proxy_url: `http://${at.closed}`, no_proxy: 'other.test' })),
  credentials('the proxy of the target is not that of the endpoint', 'token', {}),
  credentials('from the environment, an endpoint off loopback', '', (at) => ({
    token_url: `http://192.0.2.1:${portOf(at.tokens)}/token`,
    proxy_from_environment: true,
  })),
];

const LENIENT: More = {
  differs: { title: TOKEN_ANSWERS, series: ANSWER_SERIES },
  asksOtherwise: TOKEN_ANSWERS,
};
const STRICT: More = {
  differs: { title: TOKEN_ANSWERS, series: [...ANSWER_SERIES, 'probe_http_duration_seconds'] },
  asksOtherwise: TOKEN_ANSWERS,
};

/** With the grant `jwt-bearer`. */
export function assertionCases(keys: {
  readonly pkcs1: string;
  readonly pkcs8: string;
  readonly file: string;
}): readonly Case[] {
  const grant = (name: string, path: string, more: Settings | OAuth2 = {}, rest: More = {}): Case =>
    credentials(
      `jwt-bearer, ${name}`,
      path,
      (at) => ({
        grant_type: JWT_BEARER,
        client_certificate_key: keys.pkcs1,
        ...(typeof more === 'function' ? more(at) : more),
      }),
      rest,
    );
  return [
    grant('as it is', 'token'),
    grant('PKCS #8', 'token', { client_certificate_key: keys.pkcs8 }),
    grant('the key in a file', 'token', {
      client_certificate_key: '',
      client_certificate_key_file: keys.file,
    }),
    grant('everything', 'token?x=y', {
      client_certificate_key_id: 'k 1',
      signature_algorithm: 'RS512',
      iss: 'issuer',
      audience: 'https://audience.test',
      claims: { text: 'a<b>&c', number: 1.5, list: [1, 'b', null], deep: { yes: true } },
      scopes: ['a', 'b'],
      endpoint_params: { p: 'q', grant_type: 'other' },
    }),
    grant('RS384', 'token', { signature_algorithm: 'RS384' }),
    grant('claims before our own', 'token', {
      claims: { sub: 'other', scope: 's', aud: ['x'] },
      scopes: ['a'],
    }),
    grant('refused', 'status/400'),
    grant('an endpoint that is broken', 'status/503'),
    grant('answered as a form', `form/${encodeURIComponent('text/plain')}`, {}, LENIENT),
    grant('without a token', json({ access_token: '' }), {}, STRICT),
    grant('through a SOCKS proxy', 'token', (at) => ({ proxy_url: `socks5://${at.socks}` })),
    grant('through a tunnel', '', (at) => ({
      token_url: `https://${at.secureTokens}/token`,
      proxy_url: `http://${at.proxy}`,
    })),
  ];
}

const others: readonly Case[] = [
  case_('an authorization of a type alone', () => ({ authorization: { type: 'X' } })),
  case_('password_ref', () => ({ basic_auth: { username: 'u', password_ref: 'x' } }), {
    differs: REFERENCES,
  }),
  case_('credentials_ref', () => ({ authorization: { credentials_ref: 'x' } }), { differs: REFERENCES }),
  case_('ca_ref', () => ({ tls_config: { ca_ref: 'x' } }), { differs: REFERENCES }),
  credentials(
    'client_secret_ref',
    'token',
    { client_secret: '', client_secret_ref: 'x' },
    { differs: REFERENCES },
  ),
];

export const proxiedCases: readonly Case[] = [
  ...socks,
  ...httpProxies,
  ...tokens,
  ...tokenProxies,
  ...others,
];
