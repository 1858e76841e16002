import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { websocketProber } from '../../src/probes/websocket.ts';
import { CertificateMint } from '../support/probes/certificates.ts';
import { exposedFamilies, refusals, run, valueOf, verdictText } from '../support/probes/probe.ts';
import { closedPort, startTcp, type TestServer } from '../support/servers/tcp.ts';
import {
  clientFrames,
  serverFrame,
  startRefusing,
  startWebsocket,
  talking,
} from '../support/servers/websocket.ts';

let mint: CertificateMint;
const servers: TestServer[] = [];

beforeAll(() => {
  mint = new CertificateMint();
});
afterAll(() => mint.remove());
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function kept<S extends TestServer>(starting: Promise<S>): Promise<S> {
  const server = await starting;
  servers.push(server);
  return server;
}

const greeting = [{ expect: 'incoming_(.+)', send: 'outgoing_${1}' }, { expect: '^passed' }];

describe('a websocket run', () => {
  it('succeeds when the server switches protocols', async () => {
    const { url } = await kept(startWebsocket());
    const result = await run(websocketProber, `${url}/a?b=c`);
    expect(verdictText(result)).toBe('success');
    expect(valueOf(result, 'probe_websocket_status_code')).toBe(101);
    expect(valueOf(result, 'probe_websocket_connection_upgraded')).toBe(1);
    expect(valueOf(result, 'probe_websocket_failed_due_to_regex')).toBe(0);
    expect(Object.keys(result.phases)).toEqual(['resolve', 'connect', 'processing']);
  });

  it('exchanges messages, and inserts matches into what it sends', async () => {
    const { url } = await kept(startWebsocket(talking('incoming_test', { outgoing_test: 'passed' })));
    const result = await run(websocketProber, url, { settings: { query_response: greeting } });
    expect(verdictText(result)).toBe('success');
    expect(valueOf(result, 'probe_websocket_failed_due_to_regex')).toBe(0);
    expect(valueOf(result, 'probe_websocket_duration_seconds', { phase: 'transfer' })).toBeGreaterThan(0);
  });

  it('exposes what its golden file says, with TLS', async () => {
    const { url } = await kept(startWebsocket(talking('hello', {}), mint.leaf()));
    const result = await run(websocketProber, url, {
      settings: {
        http_config: { tls_config: { ca_file: mint.caFile } },
        query_response: [{ expect: 'hello' }],
      },
    });
    expect(verdictText(result)).toBe('success');
    expect(exposedFamilies(result)).toBe(readFileSync('test/probes/golden/websocket.txt', 'utf8'));
  });

  it('fails on a message other than the expected one; the first message counts', async () => {
    const { url } = await kept(
      startWebsocket((socket) => socket.write(Buffer.concat(['a', 'b'].map((text) => serverFrame(text))))),
    );
    const result = await run(websocketProber, url, { settings: { query_response: [{ expect: 'b' }] } });
    expect(verdictText(result)).toBe('reply: Step 1: the message does not match "b"');
    expect(valueOf(result, 'probe_websocket_failed_due_to_regex')).toBe(1);
    expect(valueOf(result, 'probe_websocket_connection_upgraded')).toBe(1);
  });

  it('sends its headers and credentials, masks its frames, and closes properly', async () => {
    const seen: string[] = [];
    const closed = new Promise<void>((resolve) => {
      void kept(
        startWebsocket((socket, { headers }) => {
          seen.push(String(headers['x-a']), String(headers.authorization), String(headers['user-agent']));
          socket.on('data', (chunk: Buffer) => {
            for (const { opcode, text } of clientFrames(chunk)) seen.push(`${opcode} ${text}`.slice(0, 8));
            if (seen.some((one) => one.startsWith('8 '))) resolve();
          });
        }),
      ).then(({ url }) =>
        run(websocketProber, url, {
          settings: {
            headers: { 'X-A': { values: ['b'] } },
            http_config: { basic_auth: { username: 'u', password: 'p' } },
            query_response: [{ send: 'x'.repeat(300) }],
          },
        }),
      );
    });
    await closed;
    expect(seen.slice(0, 4)).toEqual(['b', 'Basic dTpw', expect.any(String), '1 xxxxxx']);
  });

  it('answers pings while it waits, and joins fragments', async () => {
    const pongs: string[] = [];
    const { url } = await kept(
      startWebsocket((socket) => {
        socket.write(serverFrame('are you there', { opcode: 9 }));
        socket.write(serverFrame('hel', { final: false }));
        socket.on('data', (chunk: Buffer) => {
          pongs.push(...clientFrames(chunk).map(({ opcode, text }) => `${opcode} ${text}`));
          socket.write(serverFrame('lo', { opcode: 0 }));
        });
      }),
    );
    const result = await run(websocketProber, url, { settings: { query_response: [{ expect: '^hello$' }] } });
    expect(verdictText(result)).toBe('success');
    expect(pongs[0]).toBe('10 are you there');
  });

  it.each([
    ['HTTP/1.1 400 Bad Request\r\n\r\n', 'status: HTTP status 400, expected 101', 400],
    ['HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\n', 'status: HTTP status 302, expected 101', 302],
    [
      'HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n',
      'protocol: The 101 response has no "Connection: Upgrade"',
      101,
    ],
    [
      'HTTP/1.1 101 S\r\nConnection: Upgrade\r\n\r\n',
      'protocol: The 101 response has no "Upgrade: websocket"',
      101,
    ],
    [
      'HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n',
      'protocol: Sec-WebSocket-Accept does not match the key',
      101,
    ],
    ['SSH-2.0-OpenSSH\r\n', 'protocol: The answer is not HTTP', undefined],
    ['', 'protocol: The connection was closed before a response was received', undefined],
  ])('fails on the answer %j', async (answer, expected, status) => {
    const { url } = await kept(startRefusing(answer));
    const result = await run(websocketProber, url);
    expect(verdictText(result)).toContain(expected);
    expect(valueOf(result, 'probe_websocket_status_code')).toBe(status);
    expect(valueOf(result, 'probe_websocket_connection_upgraded')).toBe(status === undefined ? undefined : 0);
  });

  it.each<readonly [string, Buffer, string]>([
    [
      'a close',
      serverFrame(Buffer.from([3, 0xe9]), { opcode: 8 }),
      'The server closed the connection (code 1001)',
    ],
    ['a reserved bit', Buffer.from([0xc1, 0]), 'a reserved bit is set'],
    ['a masked frame', Buffer.from([0x81, 0x80]), 'a frame of the server is masked'],
    ['an unknown opcode', Buffer.from([0x83, 0]), 'unknown opcode 3'],
    ['an unexpected fragment', Buffer.from([0x80, 0]), 'a fragment is out of order'],
    ['a ping in pieces', Buffer.from([0x09, 0]), 'a control frame is too long or fragmented'],
    ['a length of 2 GiB', Buffer.from([0x81, 127, 0, 0, 0, 0, 128, 0, 0, 0]), 'longer than 1048576 bytes'],
  ])('fails on %s', async (_, bytes, expected) => {
    const { url } = await kept(startWebsocket((socket) => socket.write(bytes)));
    const result = await run(websocketProber, url, { settings: { query_response: [{ expect: 'x' }] } });
    expect(verdictText(result)).toMatch(/^protocol: /);
    expect(verdictText(result)).toContain(expected);
  });

  it('ends at its deadline with a server that is silent before or after the switch', async () => {
    const silent = await kept(startTcp());
    const before = await run(websocketProber, `ws://${silent.address}`, { timeoutMs: 1_000 });
    expect(verdictText(before)).toContain('timeout: Request timed out after 1s while waiting for the answer');
    const { url } = await kept(startWebsocket());
    const settings = { query_response: [{ expect: 'x' }] };
    const after = await run(websocketProber, url, { timeoutMs: 1_000, settings });
    expect(verdictText(after)).toContain('timeout: Request timed out after 1s while reading the answer');
    expect(valueOf(after, 'probe_websocket_connection_upgraded')).toBe(1);
    expect(valueOf(after, 'probe_websocket_failed_due_to_regex')).toBe(1);
    await silent.idle();
  });

  it('reports why the connection or the certificate failed', async () => {
    expect(verdictText(await run(websocketProber, `ws://127.0.0.1:${await closedPort()}`))).toMatch(
      /^connect_refused/,
    );
    const { url } = await kept(startWebsocket(undefined, mint.leaf()));
    const result = await run(websocketProber, url);
    expect(verdictText(result)).toMatch(/^tls_untrusted/);
    expect(valueOf(result, 'probe_ssl_earliest_cert_expiry')).toBeGreaterThan(0);
  });

  it('reads a message however its bytes are split', async () => {
    const text = fc.string({ maxLength: 300, unit: 'binary' });
    await fc.assert(
      fc.asyncProperty(
        fc.array(text, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 50 }),
        async (parts, size) => {
          const frames = parts.map((part, i) =>
            serverFrame(part, { opcode: i === 0 ? 1 : 0, final: i === parts.length - 1 }),
          );
          const bytes = Buffer.concat(frames);
          const server = await startWebsocket((socket) => {
            for (let at = 0; at < bytes.length; at += size) socket.write(bytes.subarray(at, at + size));
          });
          const { url } = server;
          const expect_ = `^${Array.from(parts.join(''))
            .map((sign) => `\\x{${(sign.codePointAt(0) ?? 0).toString(16)}}`)
            .join('')}$`;
          const result = await run(websocketProber, url, {
            settings: { query_response: [{ expect: expect_ }] },
          });
          await server.close();
          expect(verdictText(result)).toBe('success');
        },
      ),
      { numRuns: 20 },
    );
  });
});

describe('websocket settings', () => {
  it.each([
    [{ query_response: [{ starttls: true }] }, 'query_response.0.starttls: starttls has no effect'],
    [{ query_response: [{ expect: '(' }] }, 'is not a regular expression'],
    [
      { headers: { Upgrade: { values: ['x'] } } },
      'headers.Upgrade: Upgrade is set by the prober for the handshake',
    ],
    [{ http_config: { basic_auth: {}, bearer_token: 'a' } }, 'expected one authentication method'],
    [{ method: 'GET' }, 'Unrecognized key: "method"'],
  ])('%j is refused', (settings, expected) => {
    expect(refusals(websocketProber, settings)).toEqual([expect.stringContaining(expected)]);
  });

  it.each(['http://a.test', 'a.test:80', 'ws://u:p@a.test/', 'wss://', 'ws://a b/'])(
    'the target %s is refused',
    (address) => {
      expect(websocketProber.target(address)).toHaveProperty('problem');
    },
  );

  it('displays an address without its query', () => {
    expect(websocketProber.target('wss://a.test/b?token=c')).toEqual({
      label: 'wss://a.test/b',
      host: 'a.test',
    });
  });
});
