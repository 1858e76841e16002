import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { httpProber } from '../../../../src/probes/http.ts';
import {
  readSigningKey,
  signedAssertion,
  type SignatureAlgorithm,
} from '../../../../src/probes/http/auth/jwt.ts';
import { readToken } from '../../../../src/probes/http/auth/token-answer.ts';
import { CertificateMint } from '../../../support/probes/certificates.ts';
import { refusals, run, verdictText, type ProbeOptions } from '../../../support/probes/probe.ts';
import { ServerSet } from '../../../support/servers/server-set.ts';
import { startProxy } from '../../../support/servers/proxy.ts';
import { startSocks } from '../../../support/servers/socks.ts';

const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const TOKEN = '{"access_token":"T","expires_in":60}';
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const pem = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
const servers = new ServerSet();
let mint: CertificateMint;

beforeAll(() => {
  mint = new CertificateMint();
});
afterAll(() => mint.remove());
afterEach(() => servers.close());

describe('an assertion', () => {
  const settings = {
    key: privateKey,
    keyId: '',
    algorithm: 'RS256' as SignatureAlgorithm,
    issuer: 'i',
    subject: 's',
    audience: 'a',
    scopes: [],
    claims: {},
  };
  const read = (text: string) =>
    text
      .split('.')
      .slice(0, 2)
      .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>);

  it.each([
    ['RS256', 'sha256'],
    ['RS384', 'sha384'],
    ['RS512', 'sha512'],
  ] as const)('is signed with %s, and the public key verifies it', async (algorithm, digest) => {
    const text = await signedAssertion({ ...settings, algorithm }, 0);
    const [header = '', claims = '', signature = ''] = text.split('.');
    const right = (signed: string) =>
      verify(digest, Buffer.from(signed), createPublicKey(privateKey), Buffer.from(signature, 'base64url'));
    expect(right(`${header}.${claims}`)).toBe(true);
    expect(right(`${header}.${claims}x`)).toBe(false);
    expect(read(text)[0]).toEqual({ alg: algorithm, typ: 'JWT' });
  });

  it('is valid for ten minutes from now, and no two are the same', async () => {
    const [, first] = read(await signedAssertion(settings, 1_700_000_000_999));
    const [, second] = read(await signedAssertion(settings, 1_700_000_000_999));
    expect(first).toMatchObject({ iss: 'i', sub: 's', aud: 'a', iat: 1_700_000_000, exp: 1_700_000_600 });
    expect(first).not.toHaveProperty('scope');
    expect(first?.['jti']).toMatch(/^[0-9a-f-]{36}$/);
    expect(second?.['jti']).not.toBe(first?.['jti']);
  });

  it('has the scopes, the key and claims of any form', async () => {
    const claims = { sub: 'other', deep: { list: [1, null, true] } };
    const more = { ...settings, keyId: 'k', scopes: ['a', 'b'], claims };
    const [header, body] = read(await signedAssertion(more, 0));
    expect(header).toEqual({ alg: 'RS256', typ: 'JWT', kid: 'k' });
    expect(body).toMatchObject({ sub: 'other', deep: { list: [1, null, true] }, scope: 'a b' });
  });
});

describe('the settings of jwt-bearer', () => {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const locked = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' });
  const short = generateKeyPairSync('rsa', { modulusLength: 512 }).privateKey;
  const refused = (more: Readonly<Record<string, unknown>>) =>
    refusals(httpProber, { oauth2: { client_id: 'a', token_url: 'http://x/', grant_type: GRANT, ...more } });

  it.each([
    ['no key', {}, 'oauth2.grant_type: jwt-bearer needs a key: expected exactly one of'],
    [
      'two keys',
      { client_certificate_key: pem, client_certificate_key_file: 'KEY' },
      'expected exactly one of',
    ],
    [
      'an invalid key',
      { client_certificate_key: 'hush' },
      'it is not a PEM private key without a passphrase',
    ],
    [
      'a file that is not a key',
      { client_certificate_key_file: '/etc/hostname' },
      'oauth2.client_certificate_key_file: the key cannot sign',
    ],
    ['a locked key', { client_certificate_key: locked.toString() }, 'without a passphrase'],
    [
      'a key of another kind',
      { client_certificate_key: ec.export({ type: 'sec1', format: 'pem' }).toString() },
      'it is of type ec; expected an RSA private key',
    ],
    [
      'a short key',
      {
        client_certificate_key: short.export({ type: 'pkcs1', format: 'pem' }).toString(),
        signature_algorithm: 'RS512',
      },
      'it is too short for RS512',
    ],
    [
      'another algorithm',
      { client_certificate_key: pem, signature_algorithm: 'ES256' },
      'oauth2.signature_algorithm: expected one of RS256, RS384, RS512',
    ],
    ['claims in a list', { client_certificate_key: pem, claims: [1] }, 'oauth2.claims: '],
    [
      'no_proxy alone',
      { client_certificate_key: pem, no_proxy: 'a' },
      'oauth2.no_proxy: no_proxy has no effect without proxy_url',
    ],
  ])('are refused with %s', (_what, more, expected) => {
    const given = Object.entries(more).map(([name, value]) => [
      name,
      value === 'KEY' ? mint.write('k', pem) : value,
    ]);
    const found = refused(Object.fromEntries(given) as Record<string, unknown>);
    expect(found).toEqual([expect.stringContaining(expected)]);
    expect(found.join()).not.toContain('hush');
  });

  it('read PKCS #1 and #8, also from a file', () => {
    const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(refused({ client_certificate_key: pkcs8 })).toEqual([]);
    expect(refused({ client_certificate_key_file: mint.write('k', `${pem}\n`) })).toEqual([]);
    expect(readSigningKey(pem, 'RS384').asymmetricKeyType).toBe('rsa');
  });

  it('have no effect on client credentials', () => {
    const oauth2 = {
      client_id: 'a',
      token_url: 'http://x/',
      client_certificate_key: 'none',
      signature_algorithm: 'X',
    };
    expect(refusals(httpProber, { oauth2 })).toEqual([]);
  });
});

describe('a token for an assertion', () => {
  it('is requested once, without other credentials, and never displayed', async () => {
    const seen: string[] = [];
    const endpoint = await servers.http((request, response) => {
      let form = '';
      request.on('data', (chunk: Buffer) => (form += chunk.toString()));
      request.on('end', () => {
        seen.push(`${request.headers.authorization} ${form}`);
        response.writeHead(400).end(TOKEN);
      });
    });
    const settings = {
      oauth2: {
        client_id: 'me',
        client_secret: 'hush',
        grant_type: GRANT,
        client_certificate_key: pem,
        token_url: endpoint.url,
      },
    };
    const result = await run(httpProber, 'http://127.0.0.1:1/', { settings });
    expect(verdictText(result)).toBe('auth: The token endpoint answered with HTTP status 400');
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatch(/^undefined grant_type=urn%3Aietf%3A[^&]+&assertion=[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(JSON.stringify([result.log, result.verdict])).not.toContain(
      /assertion=(\S+)/.exec(seen[0] ?? '')?.[1],
    );
    await endpoint.idle();
  });
});

/** A run that needs a token. */
function runWith(oauth2: Readonly<Record<string, unknown>>, options: ProbeOptions = {}) {
  const settings = {
    preferred_ip_protocol: 'ip4',
    oauth2: { client_id: 'a', client_secret: 'b', ...oauth2 },
  };
  return run(httpProber, 'http://127.0.0.1:1/', { settings, ...options });
}

describe('a token endpoint behind a proxy', () => {
  it('is reached over TLS, and its certificate is verified by its name', async () => {
    const answer: RequestListener = (_request, response) => response.end(TOKEN);
    const [good, bad] = [
      await servers.https(mint.leaf(), answer),
      await servers.https(mint.leaf({ names: ['DNS:other.test'] }), answer),
    ];
    const proxies = [
      `http://${servers.add(await startProxy()).address}`,
      `socks5://${servers.add(await startSocks()).address}`,
    ];
    for (const proxy_url of proxies) {
      const ask = (token_url: string) =>
        runWith({ token_url, proxy_url, tls_config: { ca_file: mint.caFile } });
      // with a token it continues to the target, where nothing listens
      expect(verdictText(await ask(good.url))).toBe('connect_refused: Connection refused by 127.0.0.1:1');
      expect(verdictText(await ask(bad.url))).toBe(
        'auth: No token could be fetched: The certificate is not valid for localhost',
      );
    }
    await good.idle();
    await bad.idle();
  });
});

describe('a token endpoint that misbehaves', () => {
  const raw = (answer: string) => servers.raw(answer);

  it.each([
    [
      'hangs up',
      '',
      'No token could be fetched: The connection was reset or closed before a response was received',
    ],
    [
      'does not speak HTTP',
      'SSH-2.0-x\r\n',
      'No token could be fetched: The answer is not HTTP: it does not begin with HTTP/',
    ],
    [
      'truncates its answer',
      'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"access',
      'No token could be fetched: The connection was reset or closed while the body was read',
    ],
    [
      'sends an endless header',
      `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(300_000)}`,
      'No token could be fetched: The header of the answer is larger than 256 KiB',
    ],
    [
      'sends an endless body',
      `HTTP/1.1 200 OK\r\n\r\n${' '.repeat(70_000)}${TOKEN}`,
      'No token could be fetched: The answer is larger than 64 KiB',
    ],
    [
      'switches protocols',
      'HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n',
      'The token endpoint answered with HTTP status 101',
    ],
    [
      'redirects',
      'HTTP/1.1 307 Away\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n',
      'The token endpoint answered with HTTP status 307',
    ],
    [
      'returns a token of two lines',
      'HTTP/1.1 200 OK\r\n\r\n{"access_token":"a\\r\\nX: y"}',
      'The token endpoint answered without an access_token',
    ],
  ])('fails the run when it %s', async (_what, answer, expected) => {
    const endpoint = await raw(answer);
    const result = await runWith({ token_url: `http://${endpoint.address}/` });
    expect(verdictText(result)).toBe(`auth: ${expected}`);
    // client credentials are sent in two ways
    expect(endpoint.accepted()).toBe(2);
    await endpoint.idle();
  });

  it.each([
    ['is silent', ''],
    ['stalls in its answer', 'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"access'],
  ])('is cut off at the deadline when it %s', async (_what, answer) => {
    const endpoint = await servers.raw((write) => answer !== '' && write(answer));
    const result = await runWith({ token_url: `http://${endpoint.address}/` }, { timeoutMs: 1_000 });
    expect(verdictText(result)).toBe('timeout: Request timed out after 1s');
    await endpoint.idle();
  });

  it('always has its answer read as either a token or a failure', () => {
    const text = fc.oneof(fc.string(), fc.json(), fc.webQueryParameters());
    fc.assert(
      fc.property(text, fc.option(fc.string(), { nil: undefined }), (given, contentType) => {
        try {
          const { authorization } = readToken({ status: 200, text: given, contentType }, 0);
          expect(authorization.reveal()).toMatch(/^[\w-]+ [\x21-\x7e]+$/);
        } catch (error) {
          expect(error).toMatchObject({ name: 'ProbeFailure', verdict: { reason: 'auth' } });
        }
      }),
    );
  });

  it.each([
    ['application/json', '{"access_token":"a","token_type":null,"expires_in":null}', 'Bearer a', undefined],
    ['application/json', '{"access_token":"a","token_type":"","expires_in":0}', 'Bearer a', undefined],
    ['application/json', '{"access_token":"a","token_type":"x y","expires_in":"2"}', 'xy a', 2_005],
    ['text/plain', 'access_token=a%2Fb&expires_in=1', 'Bearer a/b', 1_005],
    [undefined, '{"access_token":"a"}', 'Bearer a', undefined],
  ])('reads %s %s as %s', (contentType, text, authorization, expiresAt) => {
    const token = readToken({ status: 200, text, contentType }, 5);
    expect([token.authorization.reveal(), token.expiresAt]).toEqual([authorization, expiresAt]);
  });
});
