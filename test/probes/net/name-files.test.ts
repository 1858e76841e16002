import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { candidates, parseHosts, parseSearchRules } from '../../../src/probes/net/name-files.ts';

describe('a hosts file', () => {
  it('returns the addresses of names in its order, in any case', () => {
    const hosts = parseHosts(
      '127.0.0.1\tlocalhost  LocalHost.localdomain # own\n#10.0.0.1 no\n::1 localhost\nfe80::1%lo0 link\nbad line\n\n',
    );
    expect([...hosts]).toEqual([
      ['localhost', ['127.0.0.1', '::1']],
      ['localhost.localdomain', ['127.0.0.1']],
      ['link', ['fe80::1']],
    ]);
  });

  it('returns any names that were written to it', () => {
    const line = fc.tuple(
      fc.oneof(fc.ipV4(), fc.ipV6()),
      fc.uniqueArray(fc.domain(), { minLength: 1, maxLength: 3 }),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const hosts = parseHosts(lines.map(([address, names]) => `${address} ${names.join(' ')}`).join('\n'));
        return lines.every(([address, names]) =>
          names.every((name) => hosts.get(name.toLowerCase())?.includes(address)),
        );
      }),
    );
  });

  it('may contain anything', () => {
    fc.assert(fc.property(fc.string(), (text) => parseHosts(text).size >= 0));
  });
});

describe('search rules', () => {
  it.each([
    ['', { domains: [], ndots: 1 }],
    ['search a.test b.test.\noptions timeout:1 ndots:5 # k8s\n', { domains: ['a.test', 'b.test'], ndots: 5 }],
    ['domain a.test\nsearch b.test', { domains: ['b.test'], ndots: 1 }],
    ['search b.test\ndomain a.test', { domains: ['a.test'], ndots: 1 }],
    ['options ndots:99', { domains: [], ndots: 15 }],
    ['options ndots:x', { domains: [], ndots: 1 }],
  ])('%j', (text, expected) => {
    expect(parseSearchRules(text)).toEqual(expected);
  });

  it.each([
    ['db', 1, ['db.a.test', 'db.b.test', 'db']],
    ['db.svc', 1, ['db.svc', 'db.svc.a.test', 'db.svc.b.test']],
    ['db.svc', 5, ['db.svc.a.test', 'db.svc.b.test', 'db.svc']],
    ['db.', 5, ['db']],
  ])('%s with ndots %i', (name, ndots, expected) => {
    expect(candidates(name, { domains: ['a.test', 'b.test'], ndots })).toEqual(expected);
  });
});
