import { describe, expect, it } from '@jest/globals';
import { virtualHost } from '../../../src/probes/endpoint/hostname.ts';

describe('the hostname parameter', () => {
  it.each([
    ['a.test', 'a.test'],
    ['A_b-c.test.', 'A_b-c.test.'],
    ['a.test:8443', 'a.test:8443'],
    ['192.0.2.1:80', '192.0.2.1:80'],
    ['2001:db8::1', '2001:db8::1'],
    ['[2001:db8::1]:80', '[2001:db8::1]:80'],
    ['bücher.test:80', 'xn--bcher-kva.test:80'],
  ])('%s is sent as %s', (given, sent) => {
    expect(virtualHost(given)).toBe(sent);
  });

  it.each([
    'x\r\nX-Evil: 1',
    'x\n',
    'x\0',
    'x\t',
    ' a.test',
    'a.test ',
    'a b',
    'a/b',
    'a?b',
    'a@b',
    'a:b',
    'a.test:',
    'a.test:http',
    '[a.test]',
    '[::1',
    'a%0d%0ab',
    'a\u0085b',
    'a\u2028b',
    'a'.repeat(300),
  ])('refuses %j', (given) => {
    expect(virtualHost(given)).toBeUndefined();
  });
});
