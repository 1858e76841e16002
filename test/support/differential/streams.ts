import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { createSecureContext, TLSSocket } from 'node:tls';
import type { Pair } from './differential.ts';
import { closedPort, startTcp } from '../servers/tcp.ts';

type Settings = Readonly<Record<string, unknown>>;
type More = Partial<Omit<Pair, 'name' | 'start'>>;
type Handle = (socket: Socket) => void;

const never = (): void => undefined;

function tcp(name: string, settings: Settings, handle: Handle, more: Partial<Pair> = {}): Pair {
  return {
    name: `tcp: ${name}`,
    module: { prober: 'tcp', timeout: '10s', tcp: { preferred_ip_protocol: 'ip4', ...settings } },
    start: async () => {
      const server = await startTcp(handle);
      return { target: server.address, stop: () => server.close() };
    },
    ...more,
  };
}

function unix(name: string, settings: Settings, handle: Handle | undefined, more: More = {}): Pair {
  return {
    name: `unix: ${name}`,
    module: { prober: 'unix', timeout: '10s', unix: settings },
    start: async () => {
      const path = join(tmpdir(), `tocsin-${randomUUID()}.sock`);
      if (handle === undefined) return { target: path, stop: never };
      const sockets = new Set<Socket>();
      const server = createServer((socket) => {
        sockets.add(socket);
        socket.on('error', never);
        handle(socket);
      });
      await new Promise<void>((resolve) => {
        server.listen(path, resolve);
      });
      const stop = () =>
        new Promise<void>((resolve) => {
          server.close(() => resolve());
          for (const socket of sockets) socket.destroy();
        });
      return { target: path, stop };
    },
    ...more,
  };
}

const says =
  (greeting: string): Handle =>
  (socket) =>
    void socket.write(greeting);

/** Answers each known line. */
const talks =
  (greeting: string, answers: Readonly<Record<string, string>>): Handle =>
  (socket) => {
    socket.write(greeting);
    socket.on('data', (data: Buffer) => {
      for (const line of data.toString().split('\n')) {
        const answer = answers[line.trim()];
        if (answer !== undefined) socket.write(answer);
      }
    });
  };

/** Speaks TLS after the line `STARTTLS`. */
export function startTlsServer(cert: string, key: string): Handle {
  return (socket) => {
    socket.write('220 ready\n');
    socket.once('data', () => {
      socket.write('220 go\n');
      const secure = new TLSSocket(socket, {
        isServer: true,
        secureContext: createSecureContext({ cert, key }),
      });
      secure.on('error', never);
      secure.on('data', () => secure.write('250 secure\n'));
    });
  };
}

const irc = talks(':hello\nPING :abc\n', { 'PONG abc': ':server 001 nick\n' });

export const streamPairs: readonly Pair[] = [
  tcp('connects', {}, never),
  tcp('a closed port', {}, never, {
    start: async () => ({ target: `127.0.0.1:${await closedPort()}`, stop: never }),
  }),
  tcp('a closed port with a dialogue', { query_response: [{ expect: 'x' }] }, never, {
    start: async () => ({ target: `127.0.0.1:${await closedPort()}`, stop: never }),
  }),
  tcp('a target without a port', {}, never, {
    start: () => Promise.resolve({ target: '127.0.0.1', stop: never }),
  }),
  tcp('a name', {}, never, {
    start: async () => {
      const server = await startTcp();
      return { target: `localhost:${server.port}`, stop: () => server.close() };
    },
  }),
  tcp('only IPv6, for an IPv4 address', { preferred_ip_protocol: 'ip6', ip_protocol_fallback: false }, never),
  tcp('source_ip_address', { source_ip_address: '127.0.0.1' }, never),
  tcp(
    'labels without a regexp',
    { query_response: [{ labels: [{ name: 'a', value: 'b' }] }] },
    says('x\r\n'),
  ),
  tcp('an empty source address', { source_ip_address: '' }, says('x\r\n')),
  tcp('a banner', { query_response: [{ expect: '^SSH-2.0-' }] }, says('SSH-2.0-OpenSSH_9\r\n')),
  tcp(
    'a banner on the second line',
    { query_response: [{ expect: '^SSH-2.0-' }] },
    says('hello\nSSH-2.0-x\n'),
  ),
  tcp(
    'another banner',
    { query_response: [{ expect: '^SSH-2.0-' }], preferred_ip_protocol: 'ip4' },
    (socket) => socket.end('220 smtp\r\n'),
  ),
  tcp('a banner that does not come', { query_response: [{ expect: '^SSH-2.0-' }] }, never, {
    timeoutSeconds: 2,
  }),
  tcp('a connection closed without a banner', { query_response: [{ expect: 'x' }] }, (socket) =>
    socket.end(),
  ),
  tcp('a reset in place of a banner', { query_response: [{ send: 'a' }, { expect: 'x' }] }, (socket) => {
    socket.once('data', () => socket.resetAndDestroy());
  }),
  tcp('a line that is not ended', { query_response: [{ expect: '^partial$' }] }, (socket) =>
    socket.end('partial'),
  ),
  tcp(
    'a dialogue',
    { query_response: [{ send: 'HELO' }, { expect: '^250' }, { send: 'QUIT' }, { expect: '^221' }] },
    talks('', { HELO: '250 hello\n', QUIT: '221 bye\n' }),
  ),
  tcp(
    'a dialogue with what the regexp found',
    {
      query_response: [
        { send: 'NICK x' },
        { expect: 'PING :([^ ]+)', send: 'PONG ${1}' },
        { expect: '^:[^ ]+ 001' },
      ],
    },
    irc,
  ),
  tcp(
    'labels from what the regexp found',
    {
      query_response: [
        {
          expect: '^SSH-2.0-([^ -]+)(?: (.*))?$',
          labels: [
            { name: 'ssh_version', value: '${1}' },
            { name: 'ssh_comments', value: '${2}' },
          ],
        },
      ],
    },
    says('SSH-2.0-OpenSSH_9.2 Debian\r\n'),
  ),
  tcp(
    'a named group',
    { query_response: [{ expect: '^(?P<who>\\w+)', send: 'hi ${who}' }, { expect: 'bye' }] },
    talks('bob\n', { 'hi bob': 'bye\n' }),
  ),
  tcp('bytes', { query_response: [{ send: 'A' }, { expect_bytes: 'S' }] }, talks('', { A: 'S' })),
  tcp('other bytes', { query_response: [{ send: 'A' }, { expect_bytes: 'S' }] }, talks('', { A: 'N' })),
  tcp('bytes that do not come', { query_response: [{ expect_bytes: 'S' }] }, never, { timeoutSeconds: 2 }),
  unix('connects', {}, never),
  unix('no socket there', {}, undefined),
  unix('no socket there, though a dialogue is wanted', { query_response: [{ expect: 'x' }] }, undefined),
  unix('a banner', { query_response: [{ expect: '^hello' }] }, says('hello\n')),
  unix('another banner', { query_response: [{ expect: '^hello' }] }, (socket) => socket.end('bye\n')),
  unix('bytes', { query_response: [{ expect_bytes: 'ok' }] }, says('ok')),
];
