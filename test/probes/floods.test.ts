import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { dnsProber } from '../../src/probes/dns.ts';
import { createIcmpProber } from '../../src/probes/icmp.ts';
import type { Prober } from '../../src/probes/prober.ts';
import { redisProber } from '../../src/probes/redis.ts';
import { tcpProber } from '../../src/probes/tcp.ts';
import { tlsProber } from '../../src/probes/tls.ts';
import { unixProber } from '../../src/probes/unix.ts';
import { websocketProber } from '../../src/probes/websocket.ts';
import { CertificateMint } from '../support/probes/certificates.ts';
import { run, verdictText } from '../support/probes/probe.ts';
import { CHUNK_BYTES, flood, MOST_BYTES, repeated } from '../support/servers/flooding.ts';
import { listen, startTcp, type TestServer } from '../support/servers/tcp.ts';
import { serverFrame, startWebsocket } from '../support/servers/websocket.ts';

let mint: CertificateMint;
const servers: TestServer[] = [];
beforeAll(() => {
  mint = new CertificateMint();
});
afterAll(() => mint.remove());
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

interface Flood {
  readonly name: string;
  readonly prober: Prober;
  /** The scheme before the address. */
  readonly scheme?: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly chunk: Buffer;
  /** A part of the verdict. */
  readonly expected: string;
}

const QUERY = { query_name: 'www.example', query_type: 'A' };

const settings = { query_response: [{ expect: 'never' }] };

describe('a server that sends endlessly', () => {
  it.each<Flood>([
    {
      name: 'redis',
      ...{ prober: redisProber, scheme: 'redis://' },
      chunk: Buffer.from(`$900000000\r\n${'x'.repeat(CHUNK_BYTES)}`),
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
      chunk: Buffer.alloc(CHUNK_BYTES, 'x'),
      expected: 'protocol: A line of the answer is longer than 65536 bytes',
    },
    {
      name: 'tcp, with lines',
      ...{ prober: tcpProber, settings },
      chunk: Buffer.from(`${'x'.repeat(1_000)}\n`.repeat(64)),
      expected: 'protocol: The server sent more than 16777216 bytes',
    },
    {
      name: 'tcp, with empty lines',
      ...{ prober: tcpProber, settings },
      chunk: Buffer.alloc(CHUNK_BYTES, '\n'),
      expected: 'protocol: The server sent more than 100000 lines',
    },
    {
      name: 'tcp, in a greeting of SMTP',
      ...{
        prober: tcpProber,
        settings: { query_response: [{ expect: '^220 ', send: 'QUIT\r' }] },
      },
      chunk: repeated('220-x\r\n'),
      expected: 'protocol: The server sent more than 100000 lines',
    },
    {
      name: 'tcp, in the first answer of PostgreSQL',
      ...{
        prober: tcpProber,
        settings: { query_response: [{ send_bytes: '00 00 00 08 04 d2 16 2f' }, { expect_bytes: 'S' }] },
      },
      chunk: Buffer.alloc(CHUNK_BYTES, 'E'),
      expected: 'reply: Step 2: the answer differs from the expected bytes',
    },
    {
      name: 'tls, before the handshake of PostgreSQL',
      ...{ prober: tlsProber, settings: { starttls: 'postgres' } },
      chunk: Buffer.alloc(CHUNK_BYTES, 'E'),
      expected: 'protocol: The server does not speak the protocol of PostgreSQL',
    },
    {
      name: 'tls, in the handshake of PostgreSQL',
      ...{ prober: tlsProber, settings: { starttls: 'postgres' } },
      chunk: Buffer.alloc(CHUNK_BYTES, 'S'),
      expected: 'tls: TLS handshake failed',
    },
    {
      name: 'tls, before a handshake of LDAP',
      ...{ prober: tlsProber, settings: { starttls: 'ldap' } },
      chunk: Buffer.alloc(CHUNK_BYTES, '0'),
      expected: 'protocol: The server does not speak LDAP',
    },
    {
      name: 'tls, in a message of the handshake',
      prober: tlsProber,
      // handshake records, of a ServerHello of 16 MiB
      chunk: repeated(Buffer.concat([Buffer.from('160303400002ffffff', 'hex'), Buffer.alloc(16_380)])),
      expected: 'tls: TLS handshake failed',
    },
    {
      name: 'dns over TCP',
      ...{ prober: dnsProber, settings: { ...QUERY, transport_protocol: 'tcp' } },
      chunk: Buffer.alloc(CHUNK_BYTES, 0xff),
      expected: 'protocol: The server answered a different query from the one that was sent',
    },
    {
      name: 'starttls',
      ...{ prober: tlsProber, settings: { starttls: 'smtp' } },
      chunk: Buffer.from('220-x\r\n'.repeat(9_000)),
      expected: 'protocol: The reply of the server does not end',
    },
  ])(
    'is cut off by $name, which reports the limit',
    async ({ prober, scheme = '', settings: given = {}, chunk, expected }) => {
      const sent = { bytes: 0 };
      const server = await startTcp((socket) => flood(socket, chunk, sent));
      servers.push(server);
      const result = await run(prober, `${scheme}${server.address}`, { settings: given, timeoutMs: 60_000 });
      expect(verdictText(result)).toContain(expected);
      await server.idle();
      expect(sent.bytes).toBeLessThan(MOST_BYTES);
    },
  );
});

describe('a websocket server that sends endlessly', () => {
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
      'The server sent more than 4096 frames',
    ],
    ['empty pings', Buffer.alloc(0), serverFrame('', { opcode: 9 }), 'The server sent more than 4096 frames'],
    [
      'empty fragments',
      serverFrame('a', { final: false }),
      serverFrame('', { opcode: 0, final: false }),
      'The server sent more than 4096 frames',
    ],
  ])('is cut off: %s', async (_, first, chunk, expected) => {
    const sent = { bytes: 0 };
    const server = await startWebsocket((socket) => {
      socket.write(first);
      flood(socket, repeated(chunk), sent);
    });
    servers.push(server);
    const result = await run(websocketProber, server.url, { settings, timeoutMs: 60_000 });
    expect(verdictText(result)).toContain(`protocol: ${expected}`);
    expect(sent.bytes).toBeLessThan(MOST_BYTES);
  });

  it('is cut off: a header', async () => {
    const sent = { bytes: 0 };
    const server = await startTcp((socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\n');
      flood(socket, repeated('X-Y: z\r\n'), sent);
    });
    servers.push(server);
    const result = await run(websocketProber, `ws://${server.address}`, { timeoutMs: 60_000 });
    expect(verdictText(result)).toBe('protocol: The header of the answer is larger than 256 KiB');
    await server.idle();
    expect(sent.bytes).toBeLessThan(MOST_BYTES);
  });
});

describe('what else sends endlessly', () => {
  it('is cut off by dns over TLS', async () => {
    const sent = { bytes: 0 };
    const server = await listen(
      createTlsServer(mint.leaf(), (socket) => flood(socket, Buffer.alloc(CHUNK_BYTES, 0xff), sent)),
    );
    servers.push(server);
    const tls = { dns_over_tls: true, transport_protocol: 'tcp', tls_config: { ca_file: mint.caFile } };
    const result = await run(dnsProber, `localhost:${server.port}`, {
      settings: { ...QUERY, ...tls, preferred_ip_protocol: 'ip4' },
      timeoutMs: 60_000,
    });
    expect(verdictText(result)).toBe(
      'protocol: The server answered a different query from the one that was sent',
    );
    await server.idle();
    expect(sent.bytes).toBeLessThan(MOST_BYTES);
  });

  it('is cut off by dns over UDP, when every message answers another query', async () => {
    const sent = { bytes: 0 };
    const server = createSocket('udp4');
    let closed = false;
    server.on('message', (_query, { port, address }) => {
      const next = (): void => {
        if (closed || sent.bytes > MOST_BYTES) return;
        sent.bytes += 8_192;
        server.send(Buffer.alloc(8_192), port, address, () => setImmediate(next));
      };
      next();
    });
    await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
    const result = await run(dnsProber, `127.0.0.1:${server.address().port}`, {
      settings: QUERY,
      timeoutMs: 60_000,
    });
    closed = true;
    await new Promise<void>((resolve) => server.close(() => resolve()));
    expect(verdictText(result)).toBe(
      'protocol: The server sent more than 1048576 bytes in messages that do not answer the query',
    );
    expect(sent.bytes).toBeLessThan(MOST_BYTES);
  });

  it.each([
    ['replies to others', 'yes "64 bytes from 127.0.0.1: Echo reply, wrong id"'],
    ['errors', 'yes "From 192.0.2.1: icmp_seq=1 Redirect Host" >&2'],
  ])('is cut off by icmp, whose ping prints %s', async (_what, script) => {
    const command = join(mint.folder, 'ping');
    writeFileSync(command, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const result = await run(createIcmpProber({ command, maxPings: 1 }), '127.0.0.1', {
      timeoutMs: 60_000,
    });
    expect(verdictText(result)).toBe('protocol: ping printed more than 16384 bytes of replies or errors');
  });

  it('is cut off by unix: the statistics of HAProxy at its socket', async () => {
    const sent = { bytes: 0 };
    const path = join(mint.folder, 'admin.sock');
    const row = repeated('web,FRONTEND,,,0,0,2000,0,0,0,0,0,0,,,,,OPEN\n');
    const server = createServer((socket) => flood(socket.resume(), row, sent));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const result = await run(unixProber, path, {
      settings: { query_response: [{ send: 'show stat' }, { expect: '^web,BACKEND' }] },
      timeoutMs: 60_000,
    });
    await new Promise<void>((resolve) => server.close(() => resolve()));
    expect(verdictText(result)).toBe('protocol: The server sent more than 100000 lines');
    expect(sent.bytes).toBeLessThan(MOST_BYTES);
  });
});
