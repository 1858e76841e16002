import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { httpProber } from '../../../../src/probes/http.ts';
import { CookieJar } from '../../../../src/probes/http/headers/cookies.ts';
import { run, verdictText, webUrl } from '../../../support/probes/probe.ts';
import { ServerSet } from '../../../support/servers/server-set.ts';

const servers = new ServerSet();
afterEach(() => servers.close());

const NOW = Date.UTC(2026, 0);

function sent(cookies: readonly string[], from: string, to: string): string | undefined {
  const jar = new CookieJar(() => NOW);
  jar.take(webUrl(from), cookies);
  return jar.header(webUrl(to));
}

describe('a cookie', () => {
  it.each<[string, readonly string[], string, string, string | undefined]>([
    ['is sent back to its host', ['a=1'], 'http://x.test/', 'http://x.test/', 'a=1'],
    ['is sent to another port', ['a=1'], 'http://x.test/', 'http://x.test:81/', 'a=1'],
    ['is not sent to another host', ['a=1'], 'http://x.test/', 'http://y.test/', undefined],
    ['is not sent to a subdomain', ['a=1'], 'http://x.test/', 'http://b.x.test/', undefined],
    [
      'with a Domain is sent to subdomains',
      ['a=1; Domain=x.test'],
      'http://b.x.test/',
      'http://c.x.test/',
      'a=1',
    ],
    ['with a dotted Domain, too', ['a=1; Domain=.x.test'], 'http://b.x.test/', 'http://x.test/', 'a=1'],
    [
      'for a whole top-level domain is ignored',
      ['a=1; Domain=test'],
      'http://x.test/',
      'http://y.test/',
      undefined,
    ],
    ['for another domain is ignored', ['a=1; Domain=y.test'], 'http://x.test/', 'http://y.test/', undefined],
    [
      'for a host that only ends with the same text is ignored',
      ['a=1; Domain=x.test'],
      'http://xx.test/',
      'http://xx.test/',
      undefined,
    ],
    ['of an address stays there', ['a=1; Domain=0.0.1'], 'http://127.0.0.1/', 'http://127.0.0.1/', undefined],
    ['is sent to its path', ['a=1; Path=/b'], 'http://x.test/', 'http://x.test/b/c', 'a=1'],
    [
      'is not sent to a path that only starts with the same text',
      ['a=1; Path=/b'],
      'http://x.test/',
      'http://x.test/bc',
      undefined,
    ],
    ['has the path of its request by default', ['a=1'], 'http://x.test/b/c', 'http://x.test/d', undefined],
    ['that is Secure needs TLS', ['a=1; Secure'], 'https://x.test/', 'http://x.test/', undefined],
    ['that is Secure is sent over TLS', ['a=1; Secure'], 'https://x.test/', 'https://x.test/', 'a=1'],
    [
      'that has expired is ignored',
      ['a=1; Expires=Thu, 01 Jan 2015 00:00:00 GMT'],
      'http://x.test/',
      'http://x.test/',
      undefined,
    ],
    [
      'that expires later is sent',
      ['a=1; Expires=Fri, 01 Jan 2027 00:00:00 GMT'],
      'http://x.test/',
      'http://x.test/',
      'a=1',
    ],
    [
      'with Max-Age 0 removes itself',
      ['a=1', 'a=2; Max-Age=0'],
      'http://x.test/',
      'http://x.test/',
      undefined,
    ],
    ['is replaced by one of the same name', ['a=1', 'a=2'], 'http://x.test/', 'http://x.test/', 'a=2'],
    ['keeps equals signs', ['a=b=c=='], 'http://x.test/', 'http://x.test/', 'a=b=c=='],
    ['without a name is ignored', ['=1'], 'http://x.test/', 'http://x.test/', undefined],
    ['without a value is ignored', ['a'], 'http://x.test/', 'http://x.test/', undefined],
    ['with invalid characters is ignored', ['a=\u00e9'], 'http://x.test/', 'http://x.test/', undefined],
  ])('%s', (...[, cookies, from, to, expected]) => {
    expect(sent(cookies, from, to)).toBe(expected);
  });

  it('with the longest path comes first', () => {
    expect(sent(['a=1; Path=/', 'b=2; Path=/b'], 'http://x.test/', 'http://x.test/b')).toBe('b=2; a=1');
  });

  it('never breaks out of its header, whatever a server sets', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (cookies) => {
        const header = sent(cookies, 'http://x.test/', 'http://x.test/');
        return header === undefined || /^[\x20-\x7e]+$/.test(header);
      }),
    );
  });
});

describe('the cookies of a run', () => {
  it('are sent with its redirects, after configured ones, and not beyond the run', async () => {
    const seen: (string | undefined)[] = [];
    const server = await servers.http((request, response) => {
      seen.push(request.headers.cookie);
      if (request.url === '/')
        response.writeHead(302, { Location: '/in', 'Set-Cookie': ['s=1', 't=2; Path=/other'] }).end();
      else response.end();
    });
    const settings = { headers: { Cookie: 'own=0' } };
    for (let i = 0; i < 2; i += 1)
      expect(verdictText(await run(httpProber, server.url, { settings }))).toBe('success');
    expect(seen).toEqual(['own=0', 'own=0; s=1', 'own=0', 'own=0; s=1']);
  });

  it('let a login page be probed that redirects until its cookie is sent back', async () => {
    const server = await servers.http((request, response) => {
      if (request.headers.cookie === 'session=x') response.end('in');
      else
        response.writeHead(302, { Location: request.url ?? '/', 'Set-Cookie': 'session=x; HttpOnly' }).end();
    });
    expect(verdictText(await run(httpProber, server.url))).toBe('success');
  });
});
