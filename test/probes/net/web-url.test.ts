import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  parseWebUrl,
  portOf,
  requestTarget,
  resolveReference,
  utf8Bytes,
} from '../../../src/probes/net/web-url.ts';
import { webUrl } from '../../support/probes/probe.ts';

describe('the path and query of a URL', () => {
  it.each([
    ['http://h', '/'],
    ['http://h?x', '/?x'],
    ['http://h?', '/?'],
    ['http://h/%2e%2e/x', '/%2e%2e/x'],
    ['http://h/a/../b/./c', '/a/../b/./c'],
    ["http://h/it's", "/it's"],
    ['http://h//x', '//x'],
    ['http://h/a|b^c', '/a%7Cb%5Ec'],
    ['http://h/a b ', '/a%20b%20'],
    ['http://h/a%2Fb|c', '/a/b%7Cc'],
    ['http://h/!*()|', '/%21%2A%28%29%7C'],
    ['http://h/[x]', '/[x]'],
    ['http://h/a\\b', '/a%5Cb'],
    ['http://h/café', '/caf%C3%A9'],
    ['http://h/東', '/%E6%9D%B1'],
    ['http://h/?q=|^"<>`{}\'', '/?q=|^"<>`{}\''],
    ['http://h/?100%', '/?100%'],
    ['http://h/?q=é x', '/?q=%C3%A9%20x'],
    ['http://h/a#b?c', '/a'],
  ])('of %s are sent as %s', (text, expected) => {
    expect(requestTarget(webUrl(text))).toBe(expected);
  });

  it('are sent as written where RFC 3986 allows every character', () => {
    const sign = fc.constantFrom(...Array.from("abzAZ019-._~!$&'()*+,;=:@/"), '%2e', '%2F', '%c3');
    const text = fc.array(sign, { maxLength: 20 }).map((signs) => signs.join(''));
    fc.assert(
      fc.property(text, text, (path, query) => {
        expect(requestTarget(webUrl(`http://h/${path}?${query}?`))).toBe(`/${path}?${query}?`);
      }),
    );
  });

  it('never hold a control character, a space or anything beyond ASCII', () => {
    const text = fc.string({ unit: 'binary', maxLength: 30 });
    fc.assert(
      fc.property(text, text, (path, location) => {
        for (const url of [
          parseWebUrl(`http://h/${path}`),
          resolveReference(webUrl('http://h/a/b?c'), utf8Bytes(location)),
        ]) {
          if ('problem' in url) continue;
          expect(requestTarget(url)).toMatch(/^\/[!-~]*$/);
          expect(`${url.authority} ${url.host}`).toMatch(/^[!-~]+ [!-~]+$/);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('survive a round trip', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 30 }), (path) => {
        const url = parseWebUrl(`http://h/${path}`);
        if ('problem' in url) return;
        expect(requestTarget(webUrl(`http://h${requestTarget(url)}`))).toBe(requestTarget(url));
      }),
    );
  });
});

describe('the host of a URL', () => {
  it.each([
    ['http://Example.TEST:8080/', 'example.test', 8_080, 'Example.TEST:8080'],
    ['https://h/', 'h', 443, 'h'],
    ['https://h:443/', 'h', 443, 'h:443'],
    ['http://h:/', 'h', 80, 'h'],
    ['http://127.1/', '127.1', 80, '127.1'],
    ['http://0x7f000001/', '0x7f000001', 80, '0x7f000001'],
    ['http://[2001:DB8::1]:81/', '2001:db8::1', 81, '[2001:DB8::1]:81'],
    ['http://[::ffff:127.0.0.1]/', '::ffff:127.0.0.1', 80, '[::ffff:127.0.0.1]'],
    ['http://[fe80::1%25eth0]/', 'fe80::1%eth0', 80, '[fe80::1]'],
    ['http://bücher.test/', 'xn--bcher-kva.test', 80, 'xn--bcher-kva.test'],
    ['http://b%C3%BCcher.test/', 'xn--bcher-kva.test', 80, 'xn--bcher-kva.test'],
    ['http://host./', 'host.', 80, 'host.'],
  ])('of %s is %s', (text, host, port, authority) => {
    const url = webUrl(text);
    expect([url.host, portOf(url), url.authority]).toEqual([host, port, authority]);
  });

  it.each([
    'http://',
    'http:///x',
    'http:x',
    'http://a b/',
    'http://a\\b/',
    'http://a<b/',
    'http://h:80 ',
    'http://h:x/',
    'http://h:65536/',
    'http://[::1/',
    'http://[1.2.3.4]/',
    'http://[fe80::1%eth0]/',
    'http://[fe80::1%25a b]/',
    'http://l%6fcalhost/',
    'http://h/%zz',
    'http://h/%2',
    'http://h/\r\nX: y',
    'http://h/\u007f',
    'http://u:a b@h/',
  ])('%j is invalid', (text) => {
    expect(parseWebUrl(text)).toHaveProperty('problem');
  });

  it('may follow a user and a password', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (user, password) => {
        const url = webUrl(`http://${encodeURIComponent(user)}:${encodeURIComponent(password)}@h/`);
        expect([url.user, url.password, url.host]).toEqual([user, password, 'h']);
      }),
    );
  });
});

describe('a reference', () => {
  const base = 'http://u:p@h:81/dir/base?q=1';

  it.each([
    ['../x/./y', 'http', 'h:81', '/x/y'],
    ['/a/../b', 'http', 'h:81', '/b'],
    ['/%2e%2e/x', 'http', 'h:81', '/%2e%2e/x'],
    ['?z', 'http', 'h:81', '/dir/base?z'],
    ['#f', 'http', 'h:81', '/dir/base?q=1'],
    ['x y', 'http', 'h:81', '/dir/x%20y'],
    ['./a:b', 'http', 'h:81', '/dir/a:b'],
    ['../../../x', 'http', 'h:81', '/x'],
    ['.', 'http', 'h:81', '/dir/'],
    ['..', 'http', 'h:81', '/'],
    ['//other/q/../r', 'http', 'other', '/r'],
    ['HTTPS://Other:444', 'https', 'Other:444', '/'],
    ['/caf\xc3\xa9', 'http', 'h:81', '/caf%C3%A9'],
    ['/caf\xe9', 'http', 'h:81', '/caf%E9'],
  ])('%j leads to %s %s %s', (location, scheme, authority, target) => {
    const to = resolveReference(webUrl(base), location);
    if ('problem' in to) throw new Error(to.problem);
    expect([to.scheme, to.authority, requestTarget(to)]).toEqual([scheme, authority, target]);
  });

  it.each(['a:b', 'http:x', 'http:/x', ':x', '1:x', '/%zz', '/a\x01b', '//a b/'])(
    '%j is invalid',
    (location) => {
      expect(resolveReference(webUrl(base), location)).toHaveProperty('problem');
    },
  );
});
