import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nameLabels } from '../../../src/probes/dns/escapes.ts';
import { dnsTarget } from '../../../src/probes/dns/target.ts';
import { dnsProber } from '../../../src/probes/dns.ts';

const nothing = { name: undefined, type: undefined, class: undefined };

describe('a dns address', () => {
  it.each([
    ['192.0.2.53', { host: '192.0.2.53', port: undefined, ...nothing }],
    ['dns.example:5353', { host: 'dns.example', port: 5353, ...nothing }],
    ['2001:db8::53', { host: '2001:db8::53', port: undefined, ...nothing }],
    ['[2001:db8::53]', { host: '2001:db8::53', port: undefined, ...nothing }],
    ['[2001:db8::53]:53', { host: '2001:db8::53', port: 53, ...nothing }],
    ['dns://192.0.2.53', { host: '192.0.2.53', port: undefined, ...nothing }],
    ['dns://192.0.2.53/', { host: '192.0.2.53', port: undefined, ...nothing }],
    ['dns://a/b.example', { host: 'a', port: undefined, ...nothing, name: 'b.example' }],
    ['DNS://a:53/b%2ec?type=mx', { host: 'a', port: 53, name: 'b.c', type: 15, class: undefined }],
    ['dns://a/b?class=CH;type=TXT', { host: 'a', port: undefined, name: 'b', type: 16, class: 3 }],
    ['dns://a/b?type=A&class=IN', { host: 'a', port: undefined, name: 'b', type: 1, class: 1 }],
    ['dns://a/.?type=NS', { host: 'a', port: undefined, name: '.', type: 2, class: undefined }],
  ])('%s is read', (address, expected) => {
    expect(dnsTarget(address)).toEqual(expected);
  });

  it.each([
    ['', '"" is not a server'],
    ['a:0', 'port 0 is not in the range 1 to 65535'],
    ['a:70000', 'port 70000 is not in the range 1 to 65535'],
    ['[a]:53', '"[a]" is not an IPv6 address'],
    ['a b', '"a b" is not a server'],
    ['http://a/b', 'is not a server'],
    ['dns://user:hunter2@a/b', 'an address with an @ is not a server'],
    ['dns://a/b..c', '"b..c" is not a domain name'],
    ['dns://a/%zz', '"%zz" is not a domain name'],
    ['dns://a/b?type=NOPE', '"type=NOPE" is neither'],
    ['dns://a/b?tpye=A', '"tpye=A" is neither'],
    ['dns:///b', '"" is not a server'],
  ])('%s is refused', (address, expected) => {
    const read = dnsProber.target(address);
    expect('problem' in read ? read.problem : 'taken').toContain(expected);
    expect(JSON.stringify(read)).not.toContain('hunter2');
  });

  it('is displayed without its question', () => {
    expect(dnsProber.target('dns://a:53/b.example?type=AAAA')).toEqual({
      label: 'dns://a:53/b.example',
      host: 'a',
    });
  });

  it('is never misread: any text is refused or contains the host that was read', () => {
    const texts = fc.oneof(
      fc.string(),
      fc.domain(),
      fc.webUrl(),
      fc.domain().map((name) => `dns://${name}/${name}`),
    );
    fc.assert(
      fc.property(texts, (address) => {
        const read = dnsProber.target(address);
        return 'problem' in read ? read.problem !== '' : address.includes(read.host) && read.host !== '';
      }),
    );
  });
});

describe('a domain name', () => {
  it.each([
    ['.', []],
    ['a', ['a']],
    ['a.b.', ['a', 'b']],
    ['a\\.b.c', ['a.b', 'c']],
    ['\\065\\\\', ['A\\']],
    ['ä.example', ['ä', 'example']],
  ])('%s has the labels %j', (name, labels) => {
    expect(nameLabels(name)?.map(String)).toEqual(labels);
  });

  it.each(['', '..', 'a..', 'a..b', '.a', 'a\\', '\\999', '\\1', 'x'.repeat(64), 'x.'.repeat(128)])(
    'refuses %j',
    (name) => {
      expect(nameLabels(name)).toBeUndefined();
    },
  );
});
