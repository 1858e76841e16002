import { describe, expect, it } from '@jest/globals';
import { NetworkSet } from '../../src/domain/network.ts';
import { clientAddress } from '../../src/http/middleware/client-address.ts';

const request = (remoteAddress: string | undefined, forwarded?: string) => ({
  socket: { remoteAddress },
  headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
});
const proxies = new NetworkSet(['10.0.0.0/8', 'fd00::/8']);

describe('the address of a client', () => {
  it.each([
    ['is the socket of an untrusted client, whatever it claims', '192.0.2.1', '198.51.100.1', '192.0.2.1'],
    [
      'is the rightmost that is not a trusted proxy',
      '10.0.0.1',
      '203.0.113.9, 198.51.100.1, 10.1.1.1',
      '198.51.100.1',
    ],
    ['is the leftmost when all are trusted', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    [
      'is the last known one before something that is not an address',
      '10.0.0.1',
      '198.51.100.1, unknown, 10.0.0.2',
      '10.0.0.2',
    ],
    ['is the proxy without a header', '10.0.0.1', undefined, '10.0.0.1'],
    ['is the proxy when the header is empty', '10.0.0.1', ' , ', '10.0.0.1'],
    ['drops the port', '10.0.0.1', '198.51.100.1:4711', '198.51.100.1'],
    ['drops brackets and port', 'fd00::1', '[2001:db8::1]:80', '2001:db8::1'],
    ['is IPv4 when it was IPv4-mapped IPv6', '::ffff:10.0.0.1', '::ffff:198.51.100.1', '198.51.100.1'],
    ['is empty when the socket is gone', undefined, '198.51.100.1', ''],
  ])('%s', (_what, remote, forwarded, expected) => {
    expect(clientAddress(request(remote, forwarded), proxies)).toBe(expected);
  });

  it('is always the socket address where no proxy is trusted', () => {
    expect(clientAddress(request('10.0.0.1', '198.51.100.1'), new NetworkSet([]))).toBe('10.0.0.1');
  });
});
