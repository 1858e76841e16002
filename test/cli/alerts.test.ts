import { describe, expect, it } from '@jest/globals';
import { alerts } from '../../src/cli/alerts.ts';
import { UsageError } from '../../src/cli/arguments.ts';
import { serveHandlers, type HttpRig } from '../support/http-rig.ts';

const environment = { cwd: '/', env: {}, stdout: () => undefined, stderr: () => undefined };

/** Answers every request so, and keeps what was asked. */
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
    ['open-critical-7', /1 alerts are shown and there are more; go on with --after open-critical-7/],
    [null, /^$/],
  ])('says on stderr whether there are more (%s)', async (next, says) => {
    await using rig = await answering({ alerts: [SHOWN], next_after: next });
    const printed = { stdout: '', stderr: '' };
    const code = await alerts(
      {
        ...environment,
        stdout: (text) => (printed.stdout += text),
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
      ['list', '--token-file', '/does/not/stand'],
      /--token-file is "\/does\/not\/stand"; expected a file .*ENOENT/,
    ],
    [['ack'], /alerts ack wants one ID/],
    [['ack', '1'], /wants --by NAME/],
    [['mute'], /list, ack ID or unack ID; it was given "mute"/],
  ])('%j is a mistake in the usage, and says which', async (args, message) => {
    const failure: unknown = await alerts(environment, args).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UsageError);
    expect(String(failure)).toMatch(message);
  });
});
