import { isIPv6 } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { addressBytes, embeddedIpv4, ipv6Bytes, mappedIpv4 } from '../../src/domain/ipv6.ts';

const hex = (bytes: readonly number[]): string => Buffer.from(bytes).toString('hex');

describe('the bytes of an address', () => {
  it.each([
    ['192.0.2.1', 'c0000201'],
    ['::', '0'.repeat(32)],
    ['::1', `${'0'.repeat(31)}1`],
    ['1::', `0001${'0'.repeat(28)}`],
    ['2001:DB8::1', '20010db8000000000000000000000001'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['1:2:3:4:5:6:192.0.2.1', '000100020003000400050006c0000201'],
    ['::ffff:192.0.2.1', '00000000000000000000ffffc0000201'],
    ['::2:3:4:5:6:7:8', '00000002000300040005000600070008'],
    ['fe80::1%eth0', 'fe800000000000000000000000000001'],
    ['', ''],
    ['1.2.3', ''],
    ['1::2::3', ''],
    ['[::1]', ''],
    ['example.com', ''],
  ])('of %j are %j', (address, bytes) => {
    expect(hex(addressBytes(address))).toBe(bytes);
  });

  it('are those of the URL parser, for any IPv6 address', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        expect(isIPv6(address)).toBe(true);
        const groups = hex(ipv6Bytes(address)).match(/.{4}/g) ?? [];
        const host = new URL(`http://[${address}]`).hostname;
        expect(new URL(`http://[${groups.join(':')}]`).hostname).toBe(host);
      }),
    );
  });

  it('of any text are 0, 4 or 16', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f:.%]{0,20}$/)), (text) => {
        const bytes = addressBytes(text);
        expect([0, 4, 16]).toContain(bytes.length);
        expect(bytes.every((byte) => Number.isInteger(byte) && byte >= 0 && byte <= 255)).toBe(true);
      }),
    );
  });
});

describe('the IPv4 address that is mapped', () => {
  it.each([
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:0:192.0.2.1', undefined],
    ['64:ff9b::192.0.2.1', undefined],
    ['::ffff:1:2:3', undefined],
    ['::ffff:', undefined],
    ['192.0.2.1', undefined],
  ])('by %j is %j', (address, mapped) => {
    expect(mappedIpv4(address)).toBe(mapped);
  });
});

describe('the IPv4 addresses within an IPv6 address', () => {
  it.each([
    ['::ffff:169.254.169.254', '169.254.169.254'],
    ['64:ff9b::a9fe:a9fe', '169.254.169.254'],
    ['2002:a9fe:a9fe::1', '169.254.169.254'],
  ])('of %j include %j', (address, embedded) => {
    expect(embeddedIpv4(address)).toContain(embedded);
  });

  it('are none where there are none, or where it is not one', () => {
    expect(embeddedIpv4('2001:db8::1')).toEqual([]);
    expect(embeddedIpv4('192.0.2.1')).toEqual([]);
  });
});
