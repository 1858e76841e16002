import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { alerts } from '../../src/cli/alerts.ts';
import { UsageError } from '../../src/cli/arguments.ts';
import { serveHandlers, type HttpRig } from '../support/http/http-rig.ts';
import { ServerSet } from '../support/servers/server-set.ts';
import { temporaryFolder } from '../support/processes/tocsin.ts';

const environment = { cwd: '/', env: {}, stdout: () => Promise.resolve(), stderr: () => undefined };

/** Answers every request with this, and keeps the requests. */
async function answering(body: unknown): Promise<HttpRig & { readonly asked: string[] }> {
  const asked: string[] = [];
  const rig = await serveHandlers([
    (request, response) => {
      asked.push(request.originalUrl);
      response.json(body);
    },
  ]);
  return Object.assign(rig, { asked });
}

const SHOWN = {
  id: '7',
  state: 'open',
  severity: 'critical',
  labels: { alertname: 'DiskFull' },
  starts_at: '2026-01-01T00:00:00Z',
  acknowledgement: null,
};

describe('tocsin alerts list', () => {
  it.each([
    ['open-critical-7', /1 alerts shown, there are more; continue with --after open-critical-7/],
    [null, /^$/],
  ])('reports on stderr whether there are more (%s)', async (next, says) => {
    await using rig = await answering({ alerts: [SHOWN], next_after: next });
    const printed = { stdout: '', stderr: '' };
    const code = await alerts(
      {
        ...environment,
        stdout: (text) => {
          printed.stdout += text;
          return Promise.resolve();
        },
        stderr: (text) => (printed.stderr += text),
      },
      ['list', '--url', rig.url, '--limit', '1', '--after', 'open-critical-9'],
    );
    expect([code, rig.asked]).toEqual([0, ['/api/v1/alerts?state=open&limit=1&after=open-critical-9']]);
    expect(printed.stdout).toMatch(/^7\topen\tcritical\tDiskFull/);
    expect(printed.stderr).toMatch(says);
  });
});

describe('tocsin alerts', () => {
  it.each([
    [['list', '--url', 'ftp://192.0.2.1'], /--url is "ftp:\/\/192.0.2.1"; expected a URL such as http:/],
    [['list', '--url', 'nonsense'], /--url is "nonsense"; expected a URL/],
    [
      ['list', '--token-file', '/does/not/exist'],
      /--token-file is "\/does\/not\/exist"; expected a file .*ENOENT/,
    ],
    [['ack'], /alerts ack needs one ID/],
    [['ack', '1'], /needs --by NAME/],
    [['mute'], /list, ack ID or unack ID; got "mute"/],
  ])('%j is a usage error, with the reason', async (args, message) => {
    const failure: unknown = await alerts(environment, args).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UsageError);
    expect(String(failure)).toMatch(message);
  });

  it.each([
    ['two lines', 'first-secret\nsecond-secret\n'],
    ['a blank within', 'first-secret second-secret'],
    ['a control character', 'first-secret\u0000second-secret'],
    ['a letter beyond ASCII', 'first-secret-ä'],
    ['no token', ' \n'],
  ])('a token file with %s is an error, and its text is not printed', async (_what, text) => {
    await using folder = temporaryFolder();
    const file = join(folder.path, 'token');
    writeFileSync(file, text);
    const failure: unknown = await alerts(environment, ['--token-file', file]).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(UsageError);
    expect(String(failure)).toMatch(/--token-file is ".*"; expected one token of ASCII characters/);
    expect(String(failure)).not.toContain('secret');
  });

  it('a URL with a password is an error, and not printed', async () => {
    const args = ['--url', 'http://me:secret@127.0.0.1:1'];
    const failure: unknown = await alerts(environment, args).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UsageError);
    expect(String(failure)).not.toContain('secret');
  });

  const HOSTILE = '\u001b[2Jsuccess\r\n\u009b31m\u202e';

  /** What a run prints with a server that answers with this. */
  async function printed(status: number, body: unknown, args: readonly string[] = []): Promise<string> {
    const servers = new ServerSet();
    const { url } = await servers.http((_request, response) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    let text = '';
    const write = (more: string) => {
      text += more;
    };
    const stdout = (more: string) => {
      write(more);
      return Promise.resolve();
    };
    await alerts({ ...environment, stdout, stderr: write }, ['list', '--url', url, ...args]);
    await servers.close();
    return text;
  }

  const one = {
    ...{ id: HOSTILE, state: HOSTILE, severity: HOSTILE, starts_at: HOSTILE },
    labels: { alertname: HOSTILE, instance: HOSTILE, service: HOSTILE },
    acknowledgement: { by: HOSTILE },
  };
  it.each<[string, number, unknown, readonly string[]]>([
    ['a line', 200, { alerts: [one], next_after: null }, []],
    ['JSON', 200, { alerts: [one], next_after: null }, ['--json']],
    ['a refusal', 403, { detail: HOSTILE }, []],
  ])('prints text of senders in %s without control characters', async (_what, status, body, args) => {
    const text = await printed(status, body, args);
    expect(text).toContain('\\u001b[2Jsuccess');
    expect(text.replaceAll(/[\n\t]/g, '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(text).not.toMatch(/^success/m);
  });
});
