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
    ['/run/app/*.sock', { host: '/run/app/../docker.sock' }, false],
    ['/run/app/*.sock', { host: '/run/app/x/../../docker.sock' }, false],
    ['/run/docker.sock', { host: '/run/app/../docker.sock' }, false],
    ['/run/app.sock', { host: '//run/./app.sock' }, true],
    ['/run/App.sock', { host: '/run/App.sock' }, true],
    ['/run/App.sock', { host: '/run/app.sock' }, false],
    ['10.0.0.0/8', { host: '::ffff:a01:203' }, true],
    ['10.0.0.0/8', { host: '64:ff9b::10.1.2.3' }, false],
    ['10.0.0.0/8', { host: '2002:a01:203::1' }, false],
    ['10.0.0.0/8', { host: '0xa010203', port: 80 }, true],
    ['*.test', { host: 'proxied.test', port: 80 }, true],
  ];
  it.each(rows)('%s: %j is permitted: %s', (entry, destination, permitted) => {
    expect(permits([entry], destination)).toBe(permitted);
  });

  it('permits everything, or nothing, without entries', () => {
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
  it.each(sensitive)('%s must be named', (address) => {
    const destinations = [{ host: address }, { host: 'api.test', address, port: 80 }];
    for (const destination of destinations) {
      expect(permits([], destination, true)).toBe(false);
      expect(permits(['0.0.0.0/0', '::/0', '*', 'api.test', '*.test'], destination)).toBe(false);
    }
    const plain = address.replace(/%.*/, '');
    expect(permits([plain], { host: 'api.test', address, port: 80 })).toBe(true);
  });

  it('requires them to be named in whatever they are embedded, in any notation', () => {
    const ipv4 = fc
      .tuple(
        fc.constantFrom([169, 254], [169, 254, 169, 254], [100, 100, 100, 200], [168, 63, 129, 16]),
        fc.nat(255),
        fc.nat(255),
      )
      .map(([first, a, b]) => [...first, a, b].slice(0, 4));
    const group = (high = 0, low = 0) => ((high << 8) | low).toString(16);
    const pair = ([a, b, c, d]: readonly number[]) => `${group(a, b)}:${group(c, d)}`;
    const inverted = (bytes: readonly number[]) => bytes.map((byte) => byte ^ 0xff);
    const forms: readonly ((bytes: readonly number[]) => string)[] = [
      (bytes) => bytes.join('.'),
      (bytes) => `0x${bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('')}`,
      (bytes) => String(bytes.reduce((sum, byte) => sum * 256 + byte, 0)),
      (bytes) => `${bytes.join('.')}.`,
      (bytes) => `::ffff:${bytes.join('.')}`,
      (bytes) => `::ffff:${pair(bytes)}`,
      (bytes) => `0:0:0:0:0:ffff:${pair(bytes)}`,
      (bytes) => `::${bytes.join('.')}`,
      (bytes) => `::ffff:0:${pair(bytes)}`,
      (bytes) => `64:ff9b::${bytes.join('.')}`,
      (bytes) => `0064:FF9B:0:0:0:0:${pair(bytes)}`,
      ([a, b, c, d]) => `64:ff9b:1:${group(a, b)}:${group(0, c)}:${group(d, 0)}::`,
      (bytes) => `64:ff9b:1:7:8:9:${pair(bytes)}`,
      (bytes) => `2002:${pair(bytes)}::1`,
      (bytes) => `2001:0:${pair(bytes)}::1`,
      (bytes) => `2001:0:102:304:0:1:${pair(inverted(bytes))}`,
      (bytes) => `2001:db8::5efe:${pair(bytes)}`,
      (bytes) => `[::ffff:${bytes.join('.')}]`,
      (bytes) => `64:ff9b::${pair(bytes)}%eth0`,
    ];
    fc.assert(
      fc.property(ipv4, fc.constantFrom(...forms), fc.boolean(), (bytes, form, resolved) => {
        const address = form(bytes);
        const destination =
          resolved && address.includes(':')
            ? { host: 'a.test', address, port: 80 }
            : { host: address, port: 80 };
        expect(permits([], destination, true)).toBe(false);
        expect(permits(['0.0.0.0/0', '::/0', '*', '*:80', '2000::/3'], destination)).toBe(false);
        expect(permits([bytes.join('.')], destination)).toBe(true);
      }),
    );
  });

  it('ignores the embedded address where another network is named', () => {
    expect(permits(['64:ff9b::/96'], { host: '64:ff9b::192.0.2.1' })).toBe(true);
    expect(permits(['64:ff9b::/96'], { host: '64:ff9b::169.254.169.254' })).toBe(false);
    expect(permits(['64:ff9b::a9fe:a9fe'], { host: '64:ff9b::169.254.169.254' })).toBe(true);
  });

  it.each([
    ['127.0.0.1:80', { host: '127.0.0.1', port: 80 }, true],
    ['localhost:80', { host: 'localhost', address: '127.0.0.1', port: 80 }, true],
    ['[::1]:80', { host: '::1', port: 80 }, true],
    ['127.0.0.1', { host: '127.0.0.1', port: 80 }, false],
    ['127.0.0.0/8:80', { host: '127.0.0.1', port: 80 }, false],
    ['*:80', { host: '127.0.0.1', port: 80 }, false],
    ['127.0.0.1:81', { host: '127.0.0.1', port: 80 }, false],
  ] satisfies [string, Destination, boolean][])('%s names %j itself: %s', (entry, destination, named) => {
    expect(new AllowList([entry]).listsExactly(destination)).toBe(named);
  });

  it('names them by a network within theirs, with a port or without', () => {
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

  it('takes no time over a glob that would backtrack forever', () => {
    const entry = `${'*a'.repeat(200)}*b`;
    expect(permits([entry], { host: 'a'.repeat(5_000) })).toBe(false);
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
  ])('refuses the entry %j', (entry) => {
    expect(isAllowEntry(entry)).toBe(false);
    expect(() => new AllowList([entry])).toThrow('not a network, host or glob');
  });
});
