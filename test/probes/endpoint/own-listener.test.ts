import { networkInterfaces } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import type { Destination } from '../../../src/domain/allow-list.ts';
import { reachesListener } from '../../../src/probes/endpoint/own-listener.ts';

const PORT = 10_464;
const machine = Object.values(networkInterfaces()).flatMap((list = []) => list.map(({ address }) => address));

describe("Tocsin's own listener", () => {
  const at = (host: string, address?: string): Destination => ({
    host,
    port: PORT,
    ...(address !== undefined && { address }),
  });
  const rows: readonly (readonly [listens: string, to: Destination, reached: boolean])[] = [
    ['127.0.0.1', at('127.0.0.1'), true],
    ['127.0.0.1', { host: '127.0.0.1', port: 80 }, false],
    ['127.0.0.1', { host: '127.0.0.1' }, false],
    ['127.0.0.1', at('127.0.0.2'), false],
    ['127.0.0.1', at('localhost', '127.0.0.1'), true],
    ['127.0.0.1', at('rebound.test', '127.0.0.1'), true],
    ['127.0.0.1', at('other.test', '192.0.2.1'), false],
    ['127.0.0.1', at('0.0.0.0'), true],
    ['127.0.0.1', at('::'), true],
    ['127.0.0.1', at('::ffff:127.0.0.1'), true],
    ['127.0.0.1', at('::ffff:7f00:1'), true],
    ['127.0.0.1', at('64:ff9b::7f00:1'), true],
    ['127.0.0.1', at('2002:7f00:1::'), true],
    ['127.0.0.1', at('a-name-for-the-proxy.test'), true],
    ['::1', at('0:0:0:0:0:0:0:1'), true],
    ['192.0.2.7', at('192.0.2.7'), true],
    ['192.0.2.7', at('127.0.0.1'), false],
    ['0.0.0.0', at('127.0.0.1'), true],
    ['0.0.0.0', at('127.254.3.9'), true],
    ['0.0.0.0', at('192.0.2.9'), false],
    ['::', at('127.3.2.1'), true],
    ['::', at('::1'), true],
    ...machine.map((address) => ['::', at(address), true] as const),
  ];
  it.each(rows)('on %s: %j reaches it: %s', (address, to, reached) => {
    expect(reachesListener(to, { address, port: PORT })).toBe(reached);
  });
});
