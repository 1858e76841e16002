import type { Socket } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { tcpProber } from '../../../src/probes/tcp.ts';
import { CertificateMint } from '../../support/probes/certificates.ts';
import { labelsOf, run, valueOf, verdictText } from '../../support/probes/probe.ts';
import { ServerSet } from '../../support/servers/server-set.ts';
import { listen, type TestServer } from '../../support/servers/tcp.ts';

const servers = new ServerSet();
let mint: CertificateMint;

beforeAll(() => {
  mint = new CertificateMint();
});
afterAll(() => mint.remove());
afterEach(() => servers.close());

type Steps = readonly Readonly<Record<string, unknown>>[];

/** A server that sends a text at once and keeps what it receives. */
async function sending(
  text: string | Buffer,
  hangUp = false,
): Promise<TestServer & { received: () => string }> {
  let received = '';
  const server = await servers.tcp((socket) => {
    socket.on('data', (data) => (received += data.toString('latin1')));
    if (hangUp) socket.end(text);
    else if (text.length > 0) socket.write(text);
  });
  return { ...server, received: () => received };
}

const probe = (address: string, steps: Steps, more: Readonly<Record<string, unknown>> = {}) =>
  run(tcpProber, address, { settings: { query_response: steps, ...more }, timeoutMs: 1_000 });

describe('a query_response', () => {
  it.each<[string, string, Steps, string, number, number]>([
    ['a line that matches', 'hello\n', [{ expect: '^hello$' }], 'success', 0, 0],
    ['a later line that matches', 'a\nb\nSSH-2.0-x\n', [{ expect: '^SSH-2.0-' }], 'success', 0, 0],
    ['a last line without a line ending', 'a\nb', [{ expect: '^b$' }], 'success', 0, 0],
    [
      'no line that matches',
      'a\nb\n',
      [{ expect: '^c$' }],
      'reply: Step 1: no line of the answer matches "^c$"',
      1,
      0,
    ],
    ['an empty answer', '', [{ expect: '.' }], 'reply: Step 1: no line of the answer matches "."', 1, 0],
    ['bytes that are expected', 'abc', [{ expect_bytes: 'abc' }], 'success', 0, 0],
    ['more bytes than are expected', 'abcdef', [{ expect_bytes: 'abc' }], 'success', 0, 0],
    ['bytes, then bytes', 'abcdef', [{ expect_bytes: 'abc' }, { expect_bytes: 'def' }], 'success', 0, 0],
    [
      'other bytes',
      'abd',
      [{ expect_bytes: 'abc' }],
      'reply: Step 1: the answer differs from the expected bytes',
      0,
      1,
    ],
    [
      'too few bytes',
      'ab',
      [{ expect_bytes: 'abc' }],
      'protocol: Step 1: the connection was closed after 2 of 3 expected bytes',
      0,
      0,
    ],
    ['bytes that are text beyond ASCII', 'é!', [{ expect_bytes: 'é!' }], 'success', 0, 0],
    ['a line, then another', 'a\nb\n', [{ expect: 'a' }, { expect: 'b' }], 'success', 0, 0],
    [
      'a line, then one too few',
      'a\nb\n',
      [{ expect: 'b' }, { expect: 'a' }],
      'reply: Step 2: no line of the answer matches "a"',
      1,
      0,
    ],
    ['an empty expect_bytes, which is ignored', '', [{ expect_bytes: '' }], 'success', 0, 0],
  ])('handles %s', async (...[, says, steps, verdict, regex, bytes]) => {
    const server = await sending(says, true);
    const result = await probe(server.address, steps);
    expect(verdictText(result)).toBe(verdict);
    expect(valueOf(result, 'probe_failed_due_to_regex')).toBe(regex);
    expect(valueOf(result, 'probe_failed_due_to_bytes')).toBe(bytes);
    await server.idle();
  });

  it('sends a line with a newline, with the groups of its own match inserted', async () => {
    const server = await servers.tcp((socket) => {
      socket.write('PING :token\r\n');
      socket.once('data', (data) => socket.end(data.toString() === 'PONG token $1\r\n' ? 'yes\n' : 'no\n'));
    });
    const result = await probe(server.address, [
      { expect: 'PING :([^ ]+)', send: 'PONG ${1} $$1\r' },
      { expect: '^yes$' },
    ]);
    expect(verdictText(result)).toBe('success');
  });

  it('inserts groups only where the same step has an expect', async () => {
    const server = await sending('a\n');
    await probe(server.address, [{ expect: '(a)' }, { send: '$1' }]);
    await server.idle();
    expect(server.received()).toBe('$1\n');
  });

  it('makes labels from the match', async () => {
    const server = await sending('SSH-2.0-OpenSSH_9.2p1 Debian-2\n');
    const result = await probe(server.address, [
      {
        expect: '^SSH-2.0-([^ -]+)(?: (?P<comment>.*))?$',
        labels: [
          { name: 'version', value: '$1' },
          { name: 'comment', value: '$comment' },
          { name: 'fixed', value: 'x' },
          { name: 'empty' },
        ],
      },
    ]);
    expect(labelsOf(result, 'probe_expect_info')).toEqual({
      version: 'OpenSSH_9.2p1',
      comment: 'Debian-2',
      fixed: 'x',
      empty: '',
    });
    expect(valueOf(result, 'probe_expect_info', labelsOf(result, 'probe_expect_info'))).toBe(1);
  });

  it('keeps the labels of a step when a later one fails', async () => {
    const server = await sending('a\n', true);
    const result = await probe(server.address, [
      { expect: '(a)', labels: [{ name: 'x', value: '$1' }] },
      { expect: 'b' },
    ]);
    expect(labelsOf(result, 'probe_expect_info')).toEqual({ x: 'a' });
    expect(result.verdict.status).toBe('failure');
  });

  it('fails with timeout when the server is silent, and reports neither a regex nor a bytes failure', async () => {
    const server = await sending('some');
    const result = await run(tcpProber, server.address, {
      settings: { query_response: [{ expect: 'some' }] },
      timeoutMs: 1_000,
    });
    expect(verdictText(result)).toBe('timeout: Request timed out after 1s while waiting for the answer');
    expect(valueOf(result, 'probe_failed_due_to_regex')).toBe(0);
    await server.idle();
  });

  it('fails with protocol when the connection is reset', async () => {
    const server = await servers.tcp((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const result = await probe(server.address, [{ send: 'x' }, { expect: 'y' }]);
    expect(verdictText(result)).toBe(
      'protocol: The connection was reset or closed while waiting for an answer',
    );
  });

  it('fails with protocol when a line never ends', async () => {
    const server = await sending('x'.repeat(70_000));
    expect(verdictText(await probe(server.address, [{ expect: 'y' }]))).toBe(
      'protocol: A line of the answer is longer than 65536 bytes',
    );
    await server.idle();
  });

  it('matches in linear time where other engines backtrack forever', async () => {
    const server = await sending(`${'a'.repeat(40_000)}!\n`, true);
    const result = await probe(server.address, [{ expect: '^(a+)+$' }]);
    expect(verdictText(result)).toContain('no line of the answer matches');
  });

  it('is timed as the phase processing', async () => {
    const server = await sending('a\n');
    const result = await probe(server.address, [{ expect: 'a' }]);
    expect(Object.keys(result.phases)).toEqual(['resolve', 'connect', 'processing']);
  });
});

/** Speaks like a mail server, and changes to TLS on request; `before` is sent together with the go-ahead. */
async function mailServer(before = ''): Promise<TestServer> {
  const tls = mint.leaf();
  const begin = (socket: Socket): void => {
    const secure = new TLSSocket(socket, { isServer: true, cert: tls.cert, key: tls.key });
    secure.on('error', () => undefined);
    secure.on('data', (data: Buffer) => {
      if (data.toString().startsWith('EHLO')) secure.write('250-secure\r\n250 AUTH\r\n');
      else secure.end();
    });
  };
  return servers.add(
    await listen(
      createTcpServer((socket) => {
        const receive = (data: Buffer): void => {
          const text = data.toString();
          if (text.startsWith('EHLO')) socket.write('250-mail\r\n250-STARTTLS\r\n250 HELP\r\n');
          if (!text.startsWith('STARTTLS')) return;
          socket.removeListener('data', receive);
          socket.write(`220 go ahead\r\n${before}`, () => begin(socket));
        };
        socket.on('data', receive);
        socket.write('220 mail ESMTP\r\n');
      }),
    ),
  );
}

const STARTTLS: Steps = [
  { expect: '^220' },
  { send: 'EHLO prober\r' },
  { expect: '^250-STARTTLS' },
  { send: 'STARTTLS\r' },
  { expect: '^220' },
  { starttls: true },
  { send: 'EHLO prober\r' },
  { expect: '^250 AUTH' },
  { send: 'QUIT\r' },
];

describe('a query_response with starttls', () => {
  const trusting = () => ({ preferred_ip_protocol: 'ip4', tls_config: { ca_file: mint.caFile } });

  it('continues over TLS', async () => {
    const server = await mailServer();
    const result = await probe(`localhost:${server.port}`, STARTTLS, trusting());
    expect(verdictText(result)).toBe('success');
    expect(valueOf(result, 'probe_ssl_earliest_cert_expiry')).toBeGreaterThan(Date.now() / 1_000);
    expect(Object.keys(result.phases).sort()).toEqual(['connect', 'processing', 'resolve', 'tls']);
    await server.idle();
  });

  it('ends when the certificate is refused, and exposes its metrics', async () => {
    const server = await mailServer();
    const result = await probe(`localhost:${server.port}`, STARTTLS, { preferred_ip_protocol: 'ip4' });
    expect(result.verdict).toMatchObject({ reason: 'tls_untrusted' });
    expect(valueOf(result, 'tocsin_probe_tls_leaf_expiry_timestamp_seconds')).toBeGreaterThan(0);
    await server.idle();
  });

  it('discards what was sent before TLS began, so that no one in between can inject text', async () => {
    const server = await mailServer('250 AUTH injected\r\n');
    const result = await probe(
      `localhost:${server.port}`,
      [...STARTTLS.slice(0, 6), { expect: 'injected' }],
      { ...trusting() },
    );
    expect(verdictText(result)).not.toBe('success');
  });

  it('fails with tls when the server does not switch to TLS', async () => {
    const server = await sending('220 go ahead\r\n220 and talk\r\n');
    const result = await probe(server.address, [{ expect: '^220' }, { starttls: true }, { expect: 'x' }]);
    expect(['tls', 'timeout']).toContain(result.verdict.status === 'failure' ? result.verdict.reason : '');
    await server.idle();
  });
});
