import type { Duplex } from 'node:stream';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Prober } from '../../src/probes/prober.ts';
import { redisProber } from '../../src/probes/redis.ts';
import { tcpProber } from '../../src/probes/tcp.ts';
import { tlsProber } from '../../src/probes/tls.ts';
import { websocketProber } from '../../src/probes/websocket.ts';
import { run, verdictText } from '../support/probe.ts';
import { startTcp, type TestServer } from '../support/servers/tcp.ts';
import { serverFrame, startWebsocket } from '../support/servers/websocket.ts';

const servers: TestServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** The most that may be sent before a prober hangs up: its limit, and what the buffers of two sockets hold. */
const MOST = 48 * 1_048_576;

/** Writes a chunk as often as it is taken. @returns how many bytes were */
function flood(socket: Duplex, chunk: Buffer, sent: { bytes: number }): void {
  const go = (): void => {
    while (!socket.destroyed && sent.bytes < 4 * MOST) {
      sent.bytes += chunk.length;
      if (!socket.write(chunk)) return;
    }
  };
  socket.on('drain', go);
  go();
}

const CHUNK = 65_536;

interface Flood {
  readonly name: string;
  readonly prober: Prober;
  /** What stands before the address. */
  readonly scheme?: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly chunk: Buffer;
  /** In the verdict. */
  readonly expected: string;
}

describe('a server that sends without an end', () => {
  const settings = { query_response: [{ expect: 'never' }] };
  it.each<Flood>([
    {
      name: 'redis',
      ...{ prober: redisProber, scheme: 'redis://' },
      chunk: Buffer.from(`$900000000\r\n${'x'.repeat(CHUNK)}`),
      expected: 'protocol: The server sends more than 1048576 bytes',
    },
    {
      name: 'redis, in arrays',
      ...{ prober: redisProber, scheme: 'redis://' },
      chunk: Buffer.from('*1000000\r\n'.repeat(6_000)),
      expected: 'protocol: The server answers with an array',
    },
    {
      name: 'tcp, without lines',
      ...{ prober: tcpProber, settings },
      chunk: Buffer.alloc(CHUNK, 'x'),
      expected: 'protocol: A line of the answer is longer than 65536 bytes',
    },
    {
      name: 'tcp, with lines',
      ...{ prober: tcpProber, settings },
      chunk: Buffer.from(`${'x'.repeat(1_000)}\n`.repeat(64)),
      expected: 'protocol: The server sent more than 16777216 bytes',
    },
    {
      name: 'starttls',
      ...{ prober: tlsProber, settings: { starttls: 'smtp' } },
      chunk: Buffer.from('220-x\r\n'.repeat(9_000)),
      expected: 'protocol: The reply of the server does not come to its end',
    },
  ])(
    'is cut off by $name, which names the limit',
    async ({ prober, scheme = '', settings: given = {}, chunk, expected }) => {
      const sent = { bytes: 0 };
      const server = await startTcp((socket) => flood(socket, chunk, sent));
      servers.push(server);
      const result = await run(prober, `${scheme}${server.address}`, { settings: given, timeoutMs: 60_000 });
      expect(verdictText(result)).toContain(expected);
      await server.idle();
      expect(sent.bytes).toBeLessThan(MOST);
    },
    90_000,
  );

  it.each([
    [
      'one message in fragments',
      Buffer.concat([serverFrame('a', { final: false })]),
      serverFrame(Buffer.alloc(60_000), { opcode: 0, final: false }),
      'A message of the server is longer than 1048576 bytes',
    ],
    [
      'pings',
      Buffer.alloc(0),
      serverFrame('x'.repeat(100), { opcode: 9 }),
      'The server sent more than 16777216 bytes',
    ],
  ])(
    'is cut off by websocket: %s',
    async (_, first, chunk, expected) => {
      const sent = { bytes: 0 };
      const many = Buffer.concat(Array.from({ length: Math.ceil(CHUNK / chunk.length) }, () => chunk));
      const server = await startWebsocket((socket) => {
        socket.write(first);
        flood(socket, many, sent);
      });
      servers.push(server);
      const result = await run(websocketProber, server.url, { settings, timeoutMs: 60_000 });
      expect(verdictText(result)).toContain(`protocol: ${expected}`);
      expect(sent.bytes).toBeLessThan(MOST);
    },
    90_000,
  );
});
