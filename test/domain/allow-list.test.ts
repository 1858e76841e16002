import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AllowList, isAllowEntry, type Destination } from '../../src/domain/allow-list.ts';

const permits = (entries: readonly string[], destination: Destination, open = false): boolean =>
  new AllowList(entries).permits(destination, open);

describe('an allow list', () => {
  const rows: readonly (readonly [entry: string, destination: Destination, permitted: boolean])[] = [
    ['10.0.0.0/8', { host: '10.1.2.3', port: 80 }, true],
    ['10.0.0.0/8', { host: 'a.test', address: '10.1.2.3', port: 80 }, true],
    ['10.0.0.0/8', { host: 'a.test', address: '192.0.2.1', port: 80 }, false],
    ['10.0.0.0/8', { host: '::ffff:10.1.2.3' }, true],
    ['10.0.0.0/8:443', { host: '10.1.2.3', port: 443 }, true],
    ['10.0.0.0/8:443', { host: '10.1.2.3', port: 80 }, false],
    ['10.0.0.0/8:443', { host: '10.1.2.3' }, false],
    ['192.0.2.7', { host: '192.0.2.7', port: 1 }, true],
    ['192.0.2.7', { host: '192.0.2.8', port: 1 }, false],
    ['fd00::/8', { host: 'fd00::1', port: 80 }, true],
    ['[fd00::/8]:80', { host: 'fd00::1', port: 80 }, true],
    ['[fd00::/8]:80', { host: 'fd00::1', port: 81 }, false],
    ['[2001:db8::1]:80', { host: '2001:db8::1', port: 80 }, true],
    ['api.test', { host: 'API.test.', address: '192.0.2.1', port: 80 }, true],
    ['api.test', { host: 'x.api.test', address: '192.0.2.1', port: 80 }, false],
    ['*.test', { host: 'x.api.test', address: '192.0.2.1', port: 80 }, true],
    ['*.test', { host: 'test', address: '192.0.2.1', port: 80 }, false],
    ['web-?.test:8080', { host: 'web-1.test', address: '192.0.2.1', port: 8080 }, true],
    ['web-?.test:8080', { host: 'web-12.test', address: '192.0.2.1', port: 8080 }, false],
    ['*', { host: 'anything.at.all', address: '192.0.2.1' }, true],
    ['*:443', { host: 'anything', address: '192.0.2.1', port: 80 }, false],
    ['/run/*.sock', { host: '/run/app.sock' }, true],
    ['/run/*.sock', { host: '/etc/passwd' }, false],
    ['*.test', { host: 'proxied.test', port: 80 }, true],
  ];
  it.each(rows)('%s: %j is permitted: %s', (entry, destination, permitted) => {
    expect(permits([entry], destination)).toBe(permitted);
  });

  it('permits all, or nothing, without entries', () => {
    const destination = { host: 'a.test', address: '192.0.2.1', port: 80 };
    expect([permits([], destination, true), permits([], destination, false)]).toEqual([true, false]);
    expect(permits(['b.test'], destination, true)).toBe(false);
  });

  const sensitive = [
    '169.254.169.254',
    '169.254.0.1',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    'fe80::1',
    'fe80::1%eth0',
    'fd00:ec2::254',
    '100.100.100.200',
    '168.63.129.16',
    '64:ff9b::a9fe:a9fe',
    '2002:a9fe:a9fe::1',
  ];
  it.each(sensitive)('%s has to be named', (address) => {
    const destinations = [{ host: address }, { host: 'api.test', address, port: 80 }];
    for (const destination of destinations) {
      expect(permits([], destination, true)).toBe(false);
      expect(permits(['0.0.0.0/0', '::/0', '*', 'api.test', '*.test'], destination)).toBe(false);
    }
    const plain = address.replace(/%.*/, '');
    expect(permits([plain], { host: 'api.test', address, port: 80 })).toBe(true);
  });

  it('names them by a network within theirs, of one port if it likes', () => {
    const destination = { host: '169.254.169.254', port: 80 };
    expect(permits(['169.254.169.254:80'], destination)).toBe(true);
    expect(permits(['169.254.169.0/24'], destination)).toBe(true);
    expect(permits(['169.254.0.0/16'], destination)).toBe(true);
    expect(permits(['169.0.0.0/8'], destination)).toBe(false);
    expect(permits(['169.254.169.254:443'], destination)).toBe(false);
  });

  it('matches globs as regular expressions would', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '?'), minLength: 1, maxLength: 8 });
    const names = fc.string({ unit: fc.constantFrom('a', 'b', '.'), minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(letters, names, (glob, name) => {
        fc.pre(!glob.endsWith('.') && !name.endsWith('.'));
        const pattern = glob.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.');
        expect(permits([glob], { host: name })).toBe(new RegExp(`^${pattern}$`).test(name));
      }),
    );
  });

  it('takes no time over a glob that would backtrack for ever', () => {
    const entry = `${'*a'.repeat(200)}*b`;
    const start = performance.now();
    expect(permits([entry], { host: 'a'.repeat(5_000) })).toBe(false);
    expect(performance.now() - start).toBeLessThan(500);
  });

  it.each([
    '',
    'a b',
    'http://a.test',
    'a.test:0',
    'a.test:70000',
    '10.0.0.0/33',
    '[a.test]:80',
    'a.test:http',
    '{a}',
  ])('has no entry %j', (entry) => {
    expect(isAllowEntry(entry)).toBe(false);
    expect(() => new AllowList([entry])).toThrow('not a network, host or glob');
  });
});
