import { afterEach, describe, expect, it } from '@jest/globals';
import { httpProber } from '../../../src/probes/http.ts';
import { run, valueOf, verdictText } from '../../support/probes/probe.ts';
import { ServerSet } from '../../support/servers/server-set.ts';
import { closedPort } from '../../support/servers/tcp.ts';

const servers = new ServerSet();
afterEach(() => servers.close());

describe('an http server that hangs', () => {
  const dribble = (text: string) => (write: (text: string) => void) => {
    let at = 0;
    const timer = setInterval(() => {
      write(text.charAt(at++ % text.length));
    }, 10);
    timers.push(timer);
  };
  const timers: NodeJS.Timeout[] = [];
  afterEach(() => timers.splice(0).forEach((timer) => clearInterval(timer)));

  it.each<[string, string | ((write: (text: string) => void) => void), string]>([
    [
      'before it responds',
      () => undefined,
      'timeout: Request timed out after 1s while waiting for the answer',
    ],
    [
      'in the header',
      dribble('HTTP/1.1 200 OK\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'),
      'timeout: Request timed out after 1s while reading the answer',
    ],
    [
      'in the body',
      (write) => {
        write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n');
        dribble('x')(write);
      },
      'timeout: Request timed out after 1s while reading the answer',
    ],
  ])('%s is cut off at the deadline, and its connection closed', async (_where, answer, expected) => {
    const server = await servers.raw(answer);
    const result = await run(httpProber, `http://${server.address}`, { timeoutMs: 1_000 });
    expect(verdictText(result)).toBe(expected);
    expect(result.durationSeconds).toBeGreaterThan(0.99);
    await server.idle();
  });

  it('after a bad status is still reported with that status', async () => {
    const server = await servers.raw((write) => write('HTTP/1.1 503 No\r\nContent-Length: 10\r\n\r\nabc'));
    const result = await run(httpProber, `http://${server.address}`, { timeoutMs: 1_000 });
    expect(verdictText(result)).toBe('status: HTTP status 503, expected 2xx');
    expect(valueOf(result, 'probe_http_uncompressed_body_length')).toBe(3);
    await server.idle();
  });

  it('in the TLS handshake is cut off at the deadline', async () => {
    const server = await servers.tcp();
    const result = await run(httpProber, `https://${server.address}`, { timeoutMs: 1_000 });
    expect(verdictText(result)).toBe('timeout: Request timed out after 1s during the TLS handshake');
    await server.idle();
  });
});

describe('an http server that misbehaves', () => {
  it.each([
    ['SSH-2.0-OpenSSH_9.2\r\n', 'protocol: The answer is not HTTP: it does not begin with HTTP/'],
    ['', 'protocol: The connection was reset or closed before a response was received'],
    [
      'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc',
      'protocol: The connection was reset or closed while the body was read',
    ],
    [
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n',
      'protocol: The body is not chunked as its Transfer-Encoding says',
    ],
    [
      `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(300_000)}\r\n\r\n`,
      'protocol: The header of the answer is larger than 256 KiB',
    ],
    ['HTTP/1.1 200 OK\r\n\r\nuntil the end', 'success'],
    ['HTTP/1.0 200 OK\r\n\r\n', 'success'],
  ])('answering %j', async (answer, expected) => {
    const server = await servers.raw(answer);
    const result = await run(httpProber, `http://${server.address}`);
    expect(verdictText(result)).toBe(expected);
    await server.idle();
  });

  it('refusing connections', async () => {
    const port = await closedPort();
    const result = await run(httpProber, `http://127.0.0.1:${port}/`);
    expect(verdictText(result)).toBe(`connect_refused: Connection refused by 127.0.0.1:${port}`);
    expect(valueOf(result, 'probe_http_status_code')).toBeUndefined();
    expect(Object.keys(result.phases)).toEqual(['resolve', 'connect']);
  });

  it('speaking plain HTTP where TLS is expected', async () => {
    const server = await servers.http((_request, response) => response.end());
    expect(verdictText(await run(httpProber, `https://${server.address}`))).toBe(
      'tls: TLS handshake failed: the server does not speak TLS',
    );
  });
});
