import { afterEach, describe, it } from '@jest/globals';
import { Router } from 'express';
import type { ServerConfig } from '../../src/config/types.ts';
import { Secret } from '../../src/domain/secret.ts';
import { guardChange, guardHost, guardProbe, guardRead } from '../../src/http/middleware/access.ts';
import { serveHandlers, serverConfig, type HttpRig } from '../support/http/http-rig.ts';

const tokens: ServerConfig['tokens'] = [
  { name: 'ops', token: new Secret('ops-token'), scopes: ['read', 'admin'] },
  { name: 'scraper', token: new Secret('scrape-token'), scopes: ['metrics'] },
];

let rig: HttpRig | undefined;
afterEach(async () => {
  await rig?.close();
  rig = undefined;
});

async function serve(
  config: Partial<ServerConfig>,
  shown: Partial<ServerConfig> = {},
): Promise<HttpRig['http']> {
  const server = serverConfig(config);
  const router = Router();
  router.get(
    '/read',
    guardRead('read', () => server),
    (_request, response) => void response.send('read'),
  );
  router.get(
    '/metrics',
    guardRead('metrics', () => server),
    (_request, response) => void response.send('metrics'),
  );
  router.get(
    '/local',
    guardHost(() => ({ ...server, ...shown })),
    (_request, response) => void response.send('local'),
  );
  router.get(
    '/probe',
    guardProbe(() => ({ ...server, ...shown })),
    (_request, response) => void response.send('probed'),
  );
  router.post(
    '/change',
    guardChange('admin', () => ({ ...server, ...shown })),
    (_request, response) => void response.send('changed'),
  );
  rig = await serveHandlers([router], server);
  return rig.http;
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const basic = (token: string) => ({
  authorization: `Basic ${Buffer.from(`anybody:${token}`).toString('base64')}`,
});

describe('reading', () => {
  it('is open where no token lists the scope', async () => {
    const http = await serve({ tokens: [] });
    await http.get('/read').expect(200);
    await http.get('/metrics').expect(200);
  });

  it.each([
    ['no token', '/read', {}, 401],
    ['a wrong token', '/read', bearer('nonsense'), 401],
    ['a token of another scope', '/read', bearer('scrape-token'), 401],
    ['a bearer token', '/read', bearer('ops-token'), 200],
    ['the token as the password of basic authentication', '/read', basic('ops-token'), 200],
    ['a scheme in lower case', '/read', { authorization: 'bearer ops-token' }, 200],
    ['an unknown scheme', '/read', { authorization: 'Digest ops-token' }, 401],
    ['an empty token', '/read', { authorization: 'Bearer ' }, 401],
    ['basic without a colon', '/read', { authorization: 'Basic b3Bz' }, 401],
    ["the scraper's token", '/metrics', bearer('scrape-token'), 200],
    ['another token', '/metrics', bearer('ops-token'), 401],
  ])('with %s on %s', async (_says, path, headers, status) => {
    const http = await serve({ tokens });
    await http.get(path).set(headers).expect(status);
  });
});

describe('reading from loopback, without tokens', () => {
  it.each([
    ['localhost', 200],
    ['LOCALHOST:10464', 200],
    ['127.0.0.1', 200],
    ['127.0.0.1:10464', 200],
    ['127.1.2.3:80', 200],
    ['[::1]', 200],
    ['[::1]:10464', 200],
    ['evil.example', 403],
    ['evil.example:10464', 403],
    ['127.0.0.1.evil.example', 403],
    ['localhost.evil.example:10464', 403],
    ['192.0.2.1:10464', 403],
    ['[2001:db8::1]:10464', 403],
    ['evil.example#127.0.0.1', 403],
  ])('by the Host "%s"', async (host, status) => {
    const http = await serve({});
    await http.get('/local').set({ host }).expect(status);
  });

  it('ignores the Host with tokens, or off loopback', async () => {
    const host = 'tocsin.example';
    const withTokens = await serve({ tokens });
    await withTokens.get('/local').set({ host }).expect(200);
    await rig?.close();
    const elsewhere = await serve({}, { listen: { host: '0.0.0.0', port: 0 } });
    await elsewhere.get('/local').set({ host }).expect(200);
  });
});

describe('probing', () => {
  const REBOUND = { Host: 'rebound.test:10464', 'Sec-Fetch-Site': 'same-origin' };

  it.each([
    ['a program', {}, 200],
    ['a person', { 'Sec-Fetch-Site': 'none' }, 200],
    ['an image of another site', { 'Sec-Fetch-Site': 'cross-site' }, 403],
    ['a page of a neighbour', { 'Sec-Fetch-Site': 'same-site' }, 403],
    ['an old browser', { Origin: 'http://evil.test' }, 403],
    ['a page that rebound its DNS name', REBOUND, 403],
  ])('%s: %j gets %s', async (_who, headers, status) => {
    const http = await serve({});
    await http.get('/probe').set(headers).expect(status);
  });

  it('does not depend on the Host where a token is required, or off loopback', async () => {
    const withTokens = await serve({ tokens });
    await withTokens.get('/probe').set(REBOUND).expect(401);
    await withTokens.get('/probe').set(REBOUND).set(bearer('scrape-token')).expect(200);
    await rig?.close();
    const elsewhere = await serve({}, { listen: { host: '192.0.2.1', port: 1 } });
    await elsewhere.get('/probe').set(REBOUND).expect(200);
  });

  it('depends on the Host where the tokens are for other scopes', async () => {
    const http = await serve({ tokens: tokens.slice(0, 1) });
    await http.get('/probe').set(REBOUND).expect(403);
  });
});

describe('changing', () => {
  it.each([
    ['works on a loopback listener with a loopback Host', { host: 'localhost:10464' }, 200],
    ['works by address', { host: '127.0.0.1:10464' }, 200],
    ['works by IPv6 address', { host: '[::1]:10464' }, 200],
    ['is refused to a page that used DNS rebinding', { host: 'evil.example:10464' }, 403],
    ['is refused for a name that only starts like an address', { host: '127.0.0.1.evil.example' }, 403],
  ])('without tokens %s', async (_says, headers, status) => {
    const http = await serve({});
    await http.post('/change').set(headers).expect(status);
  });

  it.each([
    ['a page of another site', { 'sec-fetch-site': 'cross-site' }, 403],
    ['a page on another port', { 'sec-fetch-site': 'same-site' }, 403],
    ['a page of another site in an old browser', { origin: 'http://evil.example' }, 403],
    ['a page that hides its origin', { origin: 'null' }, 403],
    ['its own page', { 'sec-fetch-site': 'same-origin', origin: 'https://tocsin.example' }, 200],
    ['its own page in an old browser', { host: '127.0.0.1:10464', origin: 'http://127.0.0.1:10464' }, 200],
  ])('answers %s as expected, with tokens and without', async (_says, headers, status) => {
    const http = await serve({});
    await http.post('/change').set(headers).expect(status);
    await rig?.close();
    const withTokens = await serve({ tokens });
    await withTokens.post('/change').set(headers).set(basic('ops-token')).expect(status);
  });

  it('is refused on a listener off loopback without tokens', async () => {
    const http = await serve({}, { listen: { host: '0.0.0.0', port: 0 } });
    await http.post('/change').expect(403);
  });

  it('needs the scope where tokens are configured, even on loopback', async () => {
    const http = await serve({ tokens });
    await http.post('/change').expect(401);
    await http.post('/change').set(bearer('scrape-token')).expect(401);
    await http.post('/change').set(bearer('ops-token')).expect(200);
  });
});
