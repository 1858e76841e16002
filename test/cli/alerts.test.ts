import { describe, expect, it } from '@jest/globals';
import { alerts } from '../../src/cli/alerts.ts';
import { UsageError } from '../../src/cli/arguments.ts';

const environment = { cwd: '/', env: {}, stdout: () => undefined, stderr: () => undefined };

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
