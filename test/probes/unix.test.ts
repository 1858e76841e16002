import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import type { Server } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { unixProber } from '../../src/probes/unix.ts';
import { CertificateMint } from '../support/probes/certificates.ts';
import { exposedFamilies, refusals, run, valueOf, verdictText } from '../support/probes/probe.ts';

let mint: CertificateMint;
const servers: Server[] = [];
let count = 0;

beforeAll(() => {
  mint = new CertificateMint();
});
afterAll(() => mint.remove());
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

async function listening(server: Server): Promise<string> {
  const path = join(mint.folder, `${(count += 1)}.sock`);
  servers.push(server);
  server.on('connection', (socket: Socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return path;
}

const sending = (text: string): Promise<string> => listening(createServer((socket) => socket.end(text)));

describe('a unix run', () => {
  it('succeeds when something listens, without families about addresses', async () => {
    const result = await run(unixProber, await sending(''));
    expect(verdictText(result)).toBe('success');
    expect(Object.keys(result.phases)).toEqual(['connect']);
    expect(valueOf(result, 'probe_ip_protocol')).toBeUndefined();
    expect(valueOf(result, 'probe_dns_lookup_time_seconds')).toBeUndefined();
    expect(valueOf(result, 'probe_failed_due_to_regex')).toBe(0);
    expect(valueOf(result, 'probe_failed_due_to_bytes')).toBe(0);
  });

  it('exposes what its golden file says, with TLS', async () => {
    const path = await listening(createTlsServer(mint.leaf(), (socket) => socket.end('ready\n')));
    const result = await run(unixProber, path, {
      settings: {
        tls: true,
        tls_config: { ca_file: mint.caFile, server_name: 'localhost' },
        query_response: [{ expect: '(ready)', labels: [{ name: 'banner', value: '$1' }] }],
      },
    });
    expect(verdictText(result)).toBe('success');
    expect(exposedFamilies(result)).toBe(readFileSync('test/probes/golden/unix.txt', 'utf8'));
  });

  it.each([
    ['a line', 'hello\n', [{ expect: '^hello$' }], 'success'],
    ['bytes', 'hello', [{ expect_bytes: 'hello' }], 'success'],
    ['no line', 'hi\n', [{ expect: '^hello$' }], 'reply: Step 1: no line of the answer matches "^hello$"'],
    [
      'other bytes',
      'HELLO',
      [{ expect_bytes: 'hello' }],
      'reply: Step 1: the answer differs from the expected bytes',
    ],
  ])('holds a dialogue: %s', async (_what, says, query_response, expected) => {
    expect(verdictText(await run(unixProber, await sending(says), { settings: { query_response } }))).toBe(
      expected,
    );
  });

  it('fails with tls_name without a server_name: a path is not a name', async () => {
    const path = await listening(createTlsServer(mint.leaf()));
    const result = await run(unixProber, path, {
      settings: { tls: true, tls_config: { ca_file: mint.caFile } },
    });
    expect(result.verdict).toMatchObject({ reason: 'tls_name' });
    expect(valueOf(result, 'probe_ssl_earliest_cert_expiry')).toBeGreaterThan(0);
  });

  it('fails with timeout when nothing arrives', async () => {
    const path = await listening(createServer((socket) => socket.resume()));
    const result = await run(unixProber, path, {
      settings: { query_response: [{ expect: 'x' }] },
      timeoutMs: 1_000,
    });
    expect(verdictText(result)).toBe('timeout: Request timed out after 1s while waiting for the answer');
  });

  it('reports a missing file', async () => {
    const path = join(mint.folder, 'absent.sock');
    const result = await run(unixProber, path);
    expect(verdictText(result)).toBe(`connect: Cannot connect to ${path}: no such file`);
    expect(valueOf(result, 'probe_failed_due_to_regex')).toBeUndefined();
  });

  it('reports that the file is not a socket', async () => {
    const path = join(mint.folder, 'file');
    writeFileSync(path, '');
    expect(verdictText(await run(unixProber, path))).toMatch(/^connect(?:_refused)?: /);
  });

  it('reports that no process listens any longer', async () => {
    const other = join(mint.folder, 'left.sock');
    // Node removes the file of a server that it closes, so the process has to be killed
    const die = `require('net').createServer().listen(${JSON.stringify(other)}, () => process.kill(process.pid, 9))`;
    spawnSync(process.execPath, ['-e', die]);
    expect(verdictText(await run(unixProber, other))).toBe(
      `connect_refused: No process listens on the socket ${other}, or its queue is full`,
    );
  });
});

describe('a unix address', () => {
  it('is a path', () => {
    expect(unixProber.target('/run/app.sock')).toEqual({ label: '/run/app.sock', host: '/run/app.sock' });
  });

  it.each([
    ['app.sock', '"app.sock" is not an absolute path'],
    ['', '"" is not an absolute path'],
    ['unix:///run/app.sock', 'is not an absolute path'],
    ['/run/\0', 'contains a zero byte'],
    [`/${'x'.repeat(107)}`, "the path has 108 bytes, and a socket's has at most 107"],
  ])('%j is refused', (address, expected) => {
    const read = unixProber.target(address);
    expect('problem' in read ? read.problem : 'taken').toContain(expected);
  });
});

it('unix settings are refused where they are invalid', () => {
  expect(refusals(unixProber, { preferred_ip_protocol: 'ip4' })).toEqual([
    ': Unrecognized key: "preferred_ip_protocol"',
  ]);
});
