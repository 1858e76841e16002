import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { infoNumber, parseInfo } from '../../src/probes/redis/info.ts';
import { redisProber } from '../../src/probes/redis.ts';
import { CertificateMint } from '../support/probes/certificates.ts';
import { exposedFamilies, refusals, run, valueOf, verdictText } from '../support/probes/probe.ts';
import { startRedis, type RedisTestServer } from '../support/processes/redis.ts';
import { startHttps } from '../support/servers/http.ts';
import { closedPort, startTcp, type TestServer } from '../support/servers/tcp.ts';

let mint: CertificateMint;
let open: RedisTestServer;
let locked: RedisTestServer;
let secure: RedisTestServer;
const servers: TestServer[] = [];

beforeAll(async () => {
  mint = new CertificateMint();
  [open, locked, secure] = await Promise.all([
    startRedis({ config: ['maxmemory 100mb', 'databases 2'] }),
    startRedis({
      password: 'hunter2',
      config: ['user reader on >sesame +@all ~*', 'user limited on >sesame -@all +ping'],
    }),
    startRedis({ tls: { ...mint.leaf(), caFile: mint.caFile } }),
  ]);
});
afterAll(async () => {
  await Promise.all([open, locked, secure].map((server) => server.close()));
  mint.remove();
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** Answers every command with the next of these; the last is repeated. */
async function speaking(...answers: string[]): Promise<string> {
  const server = await startTcp((socket: Socket) => {
    let next = 0;
    socket.on('data', (chunk: Buffer) => {
      for (const _command of chunk.toString().match(/^\*\d/gm) ?? []) {
        socket.write(answers[Math.min(next++, answers.length - 1)] ?? '');
      }
    });
  });
  servers.push(server);
  return `redis://${server.address}`;
}

describe('a redis run', () => {
  it('succeeds and exposes what its golden file says', async () => {
    const result = await run(redisProber, `rediss://localhost:${secure.port}`, {
      settings: { tls_config: { ca_file: mint.caFile } },
    });
    expect(verdictText(result)).toBe('success');
    expect(exposedFamilies(result)).toBe(readFileSync('test/probes/golden/redis.txt', 'utf8'));
  });

  it('reads INFO', async () => {
    const result = await run(redisProber, `redis://127.0.0.1:${open.port}/1`);
    expect(verdictText(result)).toBe('success');
    expect(valueOf(result, 'redis_up')).toBe(1);
    expect(valueOf(result, 'redis_memory_max_bytes')).toBe(104_857_600);
    expect(valueOf(result, 'redis_memory_used_bytes')).toBeGreaterThan(100_000);
    expect(valueOf(result, 'redis_connected_clients')).toBeGreaterThanOrEqual(1);
    expect(valueOf(result, 'redis_uptime_in_seconds')).toBeGreaterThanOrEqual(0);
    expect(result.details.extra).toEqual({
      connected_clients: expect.any(Number),
      used_memory_human: expect.stringMatching(/^[\d.]+[KMG]$/),
      uptime_in_seconds: expect.any(Number),
    });
    expect(Object.keys(result.phases)).toEqual(['resolve', 'connect', 'processing']);
  });

  it.each([
    ['redis://:hunter2@', {}],
    ['redis://', { password: 'hunter2' }],
    ['redis://reader:sesame@', {}],
    ['redis://', { username: 'reader', password: 'sesame' }],
    ['redis://:hunter2@', { password: 'wrong' }],
  ])('logs in as %s with %j', async (before, settings) => {
    expect(verdictText(await run(redisProber, `${before}127.0.0.1:${locked.port}`, { settings }))).toBe(
      'success',
    );
  });

  it('logs in with a password from a file', async () => {
    const password_file = mint.write('redis-password', 'hunter2\n');
    expect(
      verdictText(
        await run(redisProber, `redis://127.0.0.1:${locked.port}`, { settings: { password_file } }),
      ),
    ).toBe('success');
  });

  it.each([
    ['redis://', 'auth: The server requires a password (NOAUTH)'],
    ['redis://:wrong@', 'auth: The server refuses the password (WRONGPASS)'],
    ['redis://limited:sesame@', 'auth: The user may not call PING or INFO (NOPERM)'],
  ])('fails with auth as %s', async (before, expected) => {
    const result = await run(redisProber, `${before}127.0.0.1:${locked.port}`);
    expect(verdictText(result)).toBe(expected);
    expect(valueOf(result, 'redis_up')).toBe(0);
    expect(JSON.stringify(result)).not.toMatch(/wrong@|sesame/);
  });

  it('fails with auth when a password is configured and none is required, and logs nothing', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    const result = await run(redisProber, `redis://:hunter2@127.0.0.1:${open.port}`);
    expect(verdictText(result)).toBe('auth: A password is configured, but the server has none set');
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });

  it('fails with reply when the database does not exist', async () => {
    expect(verdictText(await run(redisProber, `redis://127.0.0.1:${open.port}/7`))).toBe(
      'reply: The server answers with an error: ERR DB index is out of range',
    );
  });

  it.each([
    [0.001, 'threshold'],
    [0.9, 'success'],
  ])('compares the memory in use with max_memory_ratio %d', async (max_memory_ratio, expected) => {
    const result = await run(redisProber, `redis://127.0.0.1:${open.port}`, {
      settings: { max_memory_ratio },
    });
    expect(verdictText(result)).toMatch(new RegExp(`^${expected}`));
    expect(valueOf(result, 'redis_up')).toBe(1);
  });

  it('does not compare memory without a limit', async () => {
    const result = await run(redisProber, `redis://127.0.0.1:${locked.port}`, {
      settings: { max_memory_ratio: 0.0001, password: 'hunter2' },
    });
    expect(verdictText(result)).toBe('success');
    expect(valueOf(result, 'redis_memory_max_bytes')).toBe(0);
  });

  it('does not trust a certificate of an unknown authority, and does not log in', async () => {
    const result = await run(redisProber, `rediss://:hunter2@localhost:${secure.port}`);
    expect(verdictText(result)).toContain('tls_untrusted: ');
    expect(valueOf(result, 'redis_up')).toBe(0);
    expect(valueOf(result, 'probe_ssl_earliest_cert_expiry')).toBeGreaterThan(0);
  });
});

describe('a redis server that misbehaves', () => {
  it('by an untrusted certificate is disconnected', async () => {
    const server = await startHttps(mint.leaf(), () => undefined);
    servers.push(server);
    const result = await run(redisProber, `rediss://localhost:${server.port}`);
    expect(verdictText(result)).toContain('tls_untrusted');
    await server.idle();
  });

  it.each([
    [
      ['-LOADING Redis is loading the dataset in memory\r\n'],
      'reply: The server answers with an error: LOADING Redis is loading the dataset in memory',
    ],
    [
      ['-DENIED Redis is running in protected mode\r\n'],
      'auth: The server is in protected mode and denies connections from other hosts (DENIED)',
    ],
    [
      ['+PONG\r\n', "-ERR unknown command 'INFO'\r\n"],
      "reply: The server answers with an error: ERR unknown command 'INFO'",
    ],
    [['+PONG\r\n', ':7\r\n'], 'protocol: The server does not answer PING or INFO as Redis does'],
    [['+HELLO\r\n', '$0\r\n\r\n'], 'protocol: The server does not answer PING or INFO as Redis does'],
    [['HTTP/1.1 400 Bad Request\r\n\r\n'], 'protocol: The server does not speak the Redis protocol'],
    [['+PONG\r\n', '$2\r\nhi\r\n'], 'success'],
  ])('answering %j', async (answers, expected) => {
    const result = await run(redisProber, await speaking(...answers), { timeoutMs: 1_000 });
    expect(verdictText(result)).toBe(expected);
    await servers[0]?.idle();
  });

  it('does not quote a password that the server sends back', async () => {
    const address = await speaking("-ERR unknown command 'AUTH', with args beginning with: 'hunter2'\r\n");
    const result = await run(redisProber, address, { settings: { password: 'hunter2' } });
    expect(verdictText(result)).toBe('auth: The server refuses the password (ERR)');
    expect(JSON.stringify(result)).not.toContain('hunter2');
  });

  it('by closing the connection', async () => {
    const server = await startTcp((socket) => socket.once('data', () => socket.end()));
    servers.push(server);
    expect(verdictText(await run(redisProber, `redis://${server.address}`))).toBe(
      'protocol: The connection was closed before the server answered',
    );
    await server.idle();
  });

  it('by refusing connections', async () => {
    const port = await closedPort();
    const result = await run(redisProber, `redis://127.0.0.1:${port}`);
    expect(verdictText(result)).toBe(`connect_refused: Connection refused by 127.0.0.1:${port}`);
    expect(valueOf(result, 'redis_up')).toBe(0);
  });

  it.each([
    ['sending nothing', ['']],
    ['answering in part', ['+PONG\r\n', '$100\r\nhalf']],
  ])('by %s is cut off at the deadline, and its connection closed', async (_how, answers) => {
    const result = await run(redisProber, await speaking(...answers), { timeoutMs: 1_000 });
    expect(verdictText(result)).toBe('timeout: Request timed out after 1s while waiting for the answer');
    await servers[0]?.idle();
  });
});

describe('a redis address', () => {
  it.each([
    ['redis://cache', 'redis://cache', 'cache'],
    ['redis://cache:6380/2', 'redis://cache:6380/2', 'cache'],
    ['rediss://me:hunter2@cache.example/0?x=hunter2', 'rediss://cache.example/0', 'cache.example'],
    ['redis://:p%40ss@[::1]:6379/', 'redis://[::1]:6379/', '::1'],
  ])('%s has the label %s', (address, label, host) => {
    expect(redisProber.target(address)).toEqual({ label, host });
  });

  it.each([
    ['cache:6379', 'the scheme "cache" is not redis or rediss'],
    ['http://me:hunter2@cache', 'the scheme "http" is not redis or rediss'],
    ['redis:///0', 'the address has no host'],
    ['redis://:hunter2@cache/nought', 'not a database number'],
    ['redis://:hunter2%@cache', 'not percent-encoded'],
    ['nothing', 'the address is not a URL'],
  ])('%s is refused', (address, expected) => {
    const read = redisProber.target(address);
    expect('problem' in read ? read.problem : 'taken').toContain(expected);
    expect(JSON.stringify(read)).not.toContain('hunter2');
  });

  it('never shows user or password', () => {
    const word = fc
      .string({ minLength: 1, unit: 'grapheme' })
      .map((text) => `Zq${encodeURIComponent(text)}qZ`);
    fc.assert(
      fc.property(word, word, fc.domain(), (user, password, host) => {
        const shown = JSON.stringify(redisProber.target(`redis://${user}:${password}@${host}:1/3`));
        return shown.includes(host) && !shown.includes('Zq');
      }),
    );
  });
});

describe('redis settings', () => {
  it.each([
    [
      { password: 'a', password_file: '/dev/null' },
      'password_file: the file /dev/null is empty; expected a secret',
    ],
    [{ max_memory_ratio: 0 }, 'max_memory_ratio: Too small: expected number to be >0'],
    [{ max_memory_ratio: 1.5 }, 'max_memory_ratio: Too big: expected number to be <=1'],
    [{ db: -1 }, 'db: Too small: expected number to be >=0'],
    [{ host: 'x' }, ': Unrecognized key: "host"'],
  ])('%j are refused', (settings, expected) => {
    expect(refusals(redisProber, settings)).toContain(expected);
  });
});

describe('INFO', () => {
  it('is read field by field', () => {
    const info = parseInfo(
      '# Memory\r\nused_memory:1024\r\nused_memory_human:1.00K\r\nnonsense\r\n\r\n# Keyspace\r\ndb0:keys=1,expires=0\r\n',
    );
    expect([...info]).toEqual([
      ['used_memory', '1024'],
      ['used_memory_human', '1.00K'],
      ['db0', 'keys=1,expires=0'],
    ]);
    expect(infoNumber(info, 'used_memory')).toBe(1024);
    expect(infoNumber(info, 'used_memory_human')).toBeUndefined();
    expect(infoNumber(info, 'absent')).toBeUndefined();
  });

  it('returns any fields that are written in the format of INFO', () => {
    const key = fc.stringMatching(/^[a-z_0-9]{1,20}$/);
    const value = fc.stringMatching(/^[^\r\n]{0,20}$/);
    fc.assert(
      fc.property(fc.dictionary(key, value, { noNullPrototype: true }), (fields) => {
        const text = Object.entries(fields)
          .map(([name, field]) => `${name}:${field}\r\n`)
          .join('');
        expect(Object.fromEntries(parseInfo(`# Section\r\n${text}`))).toEqual(fields);
      }),
    );
  });

  it('survives any text', () => {
    fc.assert(fc.property(fc.string(), (text) => parseInfo(text).size <= text.length));
  });
});
