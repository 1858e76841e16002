import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { httpProber } from '../../../src/probes/http.ts';
import { isValidStatus, expectedStatus } from '../../../src/probes/http/rules/judge.ts';
import { isJsonType, redacted } from '../../../src/probes/http/rules/json-data.ts';
import { redirectedRequest } from '../../../src/probes/http/redirects.ts';
import type { HopRequest } from '../../../src/probes/http/request.ts';
import { parseHttpDate } from '../../../src/probes/http/response-samples.ts';
import { refusals, webUrl } from '../../support/probes/probe.ts';

describe('an http address', () => {
  it.each([
    ['http://192.0.2.10:11434/api/tags', 'http://192.0.2.10:11434/api/tags', '192.0.2.10'],
    ['https://example.com', 'https://example.com', 'example.com'],
    ['https://example.com/', 'https://example.com/', 'example.com'],
    ['https://example.com?a=1', 'https://example.com', 'example.com'],
    ['https://example.com/?a=1#b', 'https://example.com/', 'example.com'],
    ['http://me:hunter2@[::1]:80/x?key=hunter2', 'http://[::1]/x', '::1'],
    ['HTTPS://Example.COM/Path', 'https://example.com/Path', 'example.com'],
    ['example.com:8080/x', 'http://example.com:8080/x', 'example.com'],
    ['localhost', 'http://localhost', 'localhost'],
  ])('%s has the label %s', (address, label, host) => {
    expect(httpProber.target(address)).toEqual({ label, host });
  });

  it.each([
    ['ftp://me:hunter2@example.com', 'the scheme "ftp" is not http or https'],
    ['http://', 'the address has no host'],
    ['http://exa mple', 'no valid host and port'],
    ['http:\\\\me:hunter2@example', 'have to be percent-encoded'],
    ['http://example:99999', 'the port is not in the range 1 to 65535'],
    ['', 'the address has no host'],
    ['http://example/%zz', 'not followed by two hexadecimal digits'],
    ['http://example/\r\nX: y', 'control characters'],
  ])('%s is refused', (address, expected) => {
    const read = httpProber.target(address);
    expect('problem' in read ? read.problem : 'taken').toContain(expected);
    expect(JSON.stringify(read)).not.toContain('hunter2');
  });

  it('never shows user, password, query or fragment', () => {
    const word = fc
      .string({ minLength: 1, unit: 'grapheme' })
      .map((text) => `Zq${encodeURIComponent(text)}qZ`);
    fc.assert(
      fc.property(word, word, fc.webUrl({ withQueryParameters: false }), (user, password, url) => {
        const address = `${url.replace('://', `://${user}:${password}@`)}?${user}=${password}#${user}`;
        const read = httpProber.target(address);
        return 'label' in read && !read.label.includes('Zq') && URL.canParse(read.label);
      }),
    );
  });
});

describe('http settings', () => {
  it.each<[Readonly<Record<string, unknown>>, unknown]>([
    [
      { valid_status_codes: [99] },
      'valid_status_codes.0: invalid status 99; expected a whole number from 100 to 999',
    ],
    [{ method: 'GET /' }, 'method: expected an HTTP method such as GET, HEAD or POST'],
    [{ method: 'connect' }, 'method: CONNECT is for tunnels and is not supported'],
    [
      { headers: { 'Bad Name': 'x' } },
      'headers.Bad Name: "Bad Name" or its value has characters that are not allowed in a header',
    ],
    [
      { headers: { A: 'x\r\nB: y' } },
      'headers.A: "A" or its value has characters that are not allowed in a header',
    ],
    [{ body: 'a', body_file: '/dev/null' }, 'body_file: body and body_file are both given; expected one'],
    [
      { fail_if_ssl: true, fail_if_not_ssl: true },
      'fail_if_not_ssl: fail_if_ssl and fail_if_not_ssl together fail every run; expected one',
    ],
    [
      { bearer_token: 'a', basic_auth: { username: 'b' } },
      ': basic_auth and bearer_token are given; expected one authentication method',
    ],
    [
      { authorization: { credentials: 'a', credentials_file: '/etc/hostname' } },
      'authorization.credentials_file: credentials and credentials_file are both given; expected one',
    ],
    [
      { authorization: { type: 'Basic', credentials: 'x' } },
      'authorization.type: the type Basic is not allowed here; use basic_auth',
    ],
    [{ bearer_token: 'a\nb' }, 'bearer_token: the secret has characters that are not allowed in a header'],
    [
      { body_size_limit: 'lots' },
      'body_size_limit: "lots" is not a size; expected bytes, or one such as 64MiB or 1.5GB',
    ],
    [{ proxy_uri: 'http://x' }, ': Unrecognized key: "proxy_uri"'],
    [
      { proxy_url: 'ftp://me:hunter2@x' },
      'proxy_url: expected the URL of a proxy such as http://proxy.example:3128 or socks5://proxy.example:1080 (http, https, socks5 or socks5h; a % in user or password is written %25)',
    ],
    [{ no_proxy: 'a' }, 'no_proxy: no_proxy has no effect without proxy_url'],
    [
      { proxy_from_environment: true, proxy_url: 'http://x' },
      'proxy_url: proxy_url and proxy_from_environment are both given; expected one',
    ],
    [
      { proxy_from_environment: true, no_proxy: 'x' },
      'no_proxy: proxy_from_environment uses the variable NO_PROXY; leave no_proxy out',
    ],
    [
      { proxy_connect_header: { A: ['b'] } },
      'proxy_connect_header: proxy_connect_header has no effect without proxy_url or proxy_from_environment',
    ],
    [
      { proxy_url: 'http://x', proxy_connect_header: { 'A B': 'c' } },
      'proxy_connect_header.A B: "A B" or its value has characters that are not allowed in a header',
    ],
    [{ compression: 'zstd' }, 'compression: expected one of gzip, br, deflate, identity'],
    [
      { compression: 'gzip', headers: { 'accept-encoding': 'br' } },
      'compression: the header Accept-Encoding ("br") does not ask for gzip; expected both to agree',
    ],
    [
      { enable_http3: true },
      'enable_http3: HTTP/3 is not supported: Node.js has no QUIC; leave enable_http3 out, or probe with HTTP/2',
    ],
    [{ http_headers: { 'X-A': {} } }, 'http_headers.X-A: expected values, secrets or files'],
    [
      { http_headers: { Authorization: { secrets: ['x'] } } },
      'http_headers.Authorization: the header Authorization cannot be set here; use its own key, or headers',
    ],
    [
      { http_headers: { 'X-A': { secrets: ['hunter2\n'] } } },
      'http_headers.X-A: "X-A" or its value has characters that are not allowed in a header',
    ],
    [
      { fail_if_body_json_matches_cel: 'foo.bar' },
      'fail_if_body_json_matches_cel: "foo.bar" is not a CEL expression: it names "foo", and the only variable is body, the JSON of the answer',
    ],
    [{ fail_if_body_json_matches_cel: '' }, expect.stringContaining('"" is not a CEL expression')],
    [
      { fail_if_body_json_not_matches_cel: 'body.a ==' },
      expect.stringContaining('is not a CEL expression: 1:'),
    ],
    [
      { basic_auth: { username: 'a', username_file: '/etc/hostname' } },
      'basic_auth.username_file: username and username_file are both given; expected one',
    ],
    [
      {
        oauth2: {
          client_id: 'a',
          client_secret: 'b',
          client_secret_file: '/etc/hostname',
          token_url: 'http://x/',
        },
      },
      'oauth2.client_secret_file: client_secret and client_secret_file are both given; expected one',
    ],
    [
      { oauth2: { client_id: 'a', client_secret: 'b', token_url: 'x' } },
      'oauth2.token_url: expected the URL of a token endpoint',
    ],
    [
      { bearer_token: 'a', oauth2: { client_id: 'a', client_secret: 'b', token_url: 'http://x/' } },
      ': bearer_token and oauth2 are given; expected one authentication method',
    ],
    [
      { tls_config: { ca: 'x', ca_file: '/dev/null' } },
      expect.stringContaining('ca and ca_file are both given'),
    ],
  ])('%j are refused', (settings, expected) => {
    expect(refusals(httpProber, settings)).toEqual([expected]);
  });

  it.each([
    [{ fail_if_body_matches_regexp: ['('] }, 'is not a regular expression (RE2 syntax)'],
    [{ fail_if_body_matches_regexp: ['(?=x)'] }, 'is not a regular expression (RE2 syntax)'],
    [{ tls_config: { ca_file: '/nonexistent' } }, '/nonexistent'],
    [
      { tls_config: { cert_file: '/etc/hostname', key_file: '/etc/hostname' } },
      'contains no certificate that can be read',
    ],
    [{ tls_config: { ca_file: '/etc/hostname' } }, 'contains no certificate'],
    [{ bearer_token_file: '/dev/null' }, 'is empty; expected a secret'],
  ])('%j are refused with a reason', (settings, expected) => {
    expect(refusals(httpProber, settings).join()).toContain(expected);
  });
});

describe('what blackbox_exporter accepts, and we accept too:', () => {
  const empty = {
    ...{
      method: '',
      body_file: '',
      preferred_ip_protocol: '',
      proxy_url: '',
      bearer_token: '',
      bearer_token_file: '',
    },
    tls_config: { ca: '', ca_file: '', cert: '', cert_file: '', key: '', key_file: '', server_name: '' },
  };
  it.each([
    [empty],
    [
      {
        basic_auth: {
          username: '',
          username_file: '/etc/hostname',
          password: '',
          password_file: '/etc/hostname',
        },
      },
    ],
    [{ authorization: { type: ' Token ', credentials: '', credentials_file: '/etc/hostname' } }],
    [{ authorization: { type: 'Token' } }],
    [
      {
        oauth2: {
          client_id: 'a',
          token_url: 'http://x/',
          client_secret: '',
          client_secret_file: '/etc/hostname',
        },
      },
    ],
    [{ valid_status_codes: [100, 999], method: 'M-SEARCH' }],
    [
      {
        headers: {
          Connection: 'Upgrade',
          Upgrade: 'websocket',
          'Content-Length': '1',
          'Transfer-Encoding': 'x',
        },
      },
    ],
  ])('%j', (settings) => {
    expect(refusals(httpProber, settings)).toEqual([]);
  });
});

describe('an http redirect', () => {
  const from = (url: string, rest: Partial<HopRequest> = {}): HopRequest => ({
    url: webUrl(url),
    method: 'POST',
    body: 'x',
    ownHost: true,
    ...rest,
  });

  it.each([
    [301, 'GET', undefined],
    [302, 'GET', undefined],
    [303, 'GET', undefined],
    [307, 'POST', 'x'],
    [308, 'POST', 'x'],
  ])('%i turns POST into %s', (status, method, body) => {
    expect(redirectedRequest(from('http://a.test/b/c'), status, '../d?e')).toMatchObject({
      method,
      body,
      ownHost: true,
    });
    expect(redirectedRequest(from('http://a.test/b/c'), status, '../d?e')?.url).toMatchObject({
      host: 'a.test',
      path: '/d',
      query: '?e',
    });
  });

  it('leaves HEAD unchanged', () => {
    expect(redirectedRequest(from('http://a.test', { method: 'HEAD' }), 302, '/')?.method).toBe('HEAD');
  });

  it.each([200, 300, 304, 305])('is not the meaning of %i', (status) => {
    expect(redirectedRequest(from('http://a.test'), status, '/x')).toBeUndefined();
  });

  it('needs a Location', () => {
    expect(redirectedRequest(from('http://a.test'), 302, undefined)).toBeUndefined();
  });

  it.each([
    ['http://a.test/', 'http://a.test/x', true],
    ['http://a.test/', 'https://a.test/', true],
    ['https://a.test/', 'http://a.test/', false],
    ['http://a.test:8080/', 'https://a.test/', false],
    ['http://a.test/', 'http://a.test:8080/', false],
    ['http://a.test/', 'http://sub.a.test/', false],
  ])('from %s to %s stays with the same origin: %j', (url, location, expected) => {
    expect(redirectedRequest(from(url), 302, location)?.ownHost).toBe(expected);
  });

  it('that returns from another origin does not regain trust', () => {
    expect(
      redirectedRequest(from('http://other.test', { ownHost: false }), 302, 'http://a.test/')?.ownHost,
    ).toBe(false);
  });

  it('keeps the credentials of the address on its own host only', () => {
    expect(redirectedRequest(from('http://u:p@a.test/'), 302, '/x')?.url.password).toBe('p');
    expect(redirectedRequest(from('http://u:p@a.test/'), 302, 'http://b.test/')?.url.password).toBe('');
  });
});

describe('a status', () => {
  it.each([
    [[], '2xx'],
    [[200], '200'],
    [[200, 204], '200 or 204'],
    [[200, 204, 301], '200, 204 or 301'],
  ])('%j is expected as %s', (codes, expected) => {
    expect(expectedStatus(codes)).toBe(expected);
  });

  it('is valid when it is listed, or 2xx when none are listed', () => {
    const status = fc.integer({ min: 100, max: 599 });
    fc.assert(
      fc.property(status, fc.array(status), (given, codes) => {
        const named = expectedStatus(codes)
          .split(/, | or /)
          .includes(String(given));
        return isValidStatus(given, codes) === (codes.length === 0 ? String(given).startsWith('2') : named);
      }),
    );
  });
});

describe('an HTTP date', () => {
  it.each([
    ['Sunday, 06-Nov-94 08:49:37 GMT', 784_111_777],
    ['Sun Nov  6 08:49:37 1994', 784_111_777],
    ['Monday, 01-Jan-68 00:00:00 GMT', 3_092_601_600],
    ['Wednesday, 01-Jan-69 00:00:00 GMT', -31_536_000],
  ])('is read in the obsolete form %s', (text, expected) => {
    expect(parseHttpDate(text)).toBe(expected);
  });

  it('survives a round trip', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true }), (date) => {
        return parseHttpDate(date.toUTCString()) === Math.floor(date.getTime() / 1_000);
      }),
    );
  });

  it.each([
    undefined,
    '',
    'yesterday',
    '2026-01-01T00:00:00Z',
    'Sun, 06 Nov 1994 08:49:37 CET',
    'Sun, 99 Nov 1994 08:49:37 GMT',
    'Sunday, 06-Nov-1994 08:49:37 GMT',
    'Sun Nov 6 08:49:37 1994',
  ])('refuses %j', (text) => {
    expect(parseHttpDate(text)).toBeUndefined();
  });
});

describe('JSON data', () => {
  it.each([
    ['application/json', true],
    ['application/problem+json; charset=utf-8', true],
    ['text/json', true],
    ['text/plain', false],
    ['application/jsonp', false],
    [undefined, false],
  ])('is expected for %s: %j', (type, expected) => {
    expect(isJsonType(type)).toBe(expected);
  });

  it('is masked under keys that name a secret, and nowhere else', () => {
    expect(
      redacted({
        token: 'a',
        apiKey: 'b',
        'X-Authorization': ['c'],
        nested: [{ password: 1, ok: 'd' }],
        total_tokens: 7,
        token_valid: true,
        secret: null,
      }),
    ).toEqual({
      token: '<secret>',
      apiKey: '<secret>',
      'X-Authorization': '<secret>',
      nested: [{ password: '<secret>', ok: 'd' }],
      total_tokens: 7,
      token_valid: true,
      secret: null,
    });
  });

  it('keeps any value without such a key, and cannot reach a prototype', () => {
    const keys = fc.stringMatching(/^[b-f]{1,3}$/);
    const tree = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.string(),
        fc.integer(),
        fc.boolean(),
        fc.array(tie('value')),
        fc.dictionary(keys, tie('value'), { noNullPrototype: true }),
      ),
    }));
    fc.assert(
      fc.property(tree.value, (value) => {
        expect(redacted(value)).toEqual(value);
      }),
    );
    const hostile: unknown = JSON.parse('{"__proto__":{"polluted":1}}');
    expect(Object.getPrototypeOf(redacted(hostile))).toBe(Object.prototype);
  });
});
