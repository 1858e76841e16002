import { resolve } from 'node:path';
import { readRegularFile } from '../domain/regular-file.ts';
import { readCommand, UsageError } from './arguments.ts';
import { printable, printableJson } from '../domain/printable.ts';
import type { Environment, ExitCode } from './environment.ts';
import { printError } from './output.ts';

const OPTIONS = {
  url: { type: 'string', default: 'http://127.0.0.1:10464' },
  'token-file': { type: 'string' },
  state: { type: 'string', default: 'open' },
  limit: { type: 'string', default: '1000' },
  after: { type: 'string' },
  by: { type: 'string' },
  comment: { type: 'string', default: '' },
  expires: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const;
const TIMEOUT_MS = 10_000;
const MAX_TOKEN_BYTES = 65_536;

interface ApiAlert {
  readonly id: string;
  readonly state: string;
  readonly severity: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly starts_at: string;
  readonly acknowledgement: { readonly by: string } | null;
}

interface ApiAlertList {
  readonly alerts: readonly ApiAlert[];
  /** Where the list continues; null at its end. */
  readonly next_after: string | null;
}

interface Call {
  readonly path: string;
  readonly method?: string;
  readonly body?: unknown;
}

/** `tocsin alerts list|ack|unack`: against a running Tocsin. */
export async function alerts(
  environment: Pick<Environment, 'cwd' | 'env' | 'stdout' | 'stderr'>,
  args: readonly string[],
): Promise<ExitCode> {
  const { values, positionals } = readCommand(args, OPTIONS);
  const [word = 'list', id, ...more] = positionals;
  checkUrl(values.url);
  const token = readToken(values['token-file'], environment.cwd);
  const call = callOf(word, { id, more, values, user: environment.env['USER'] });
  const answer = await sendRequest(call, values.url, token);
  if (typeof answer === 'string') {
    printError(environment, answer);
    return 1;
  }
  const { alerts: shown, next_after: next } = word === 'list' ? (answer as ApiAlertList) : listOf(answer);
  await environment.stdout(values.json ? `${printableJson(shown, 2)}\n` : shown.map(lineOf).join(''));
  if (next !== null)
    printError(environment, `${shown.length} alerts shown, there are more; continue with --after ${next}`);
  return 0;
}

interface AlertsArguments {
  readonly id: string | undefined;
  readonly more: readonly string[];
  readonly values: {
    readonly state: string;
    readonly limit: string;
    readonly after?: string;
    readonly by?: string;
    readonly comment: string;
    readonly expires?: string;
  };
  readonly user: string | undefined;
}

function callOf(word: string, { id, more, values, user }: AlertsArguments): Call {
  if (word === 'list' && id === undefined) {
    const { state, limit, after } = values;
    const query = new URLSearchParams({ state, limit, ...(after !== undefined && { after }) });
    return { path: `/api/v1/alerts?${query.toString()}` };
  }
  if (!['ack', 'unack'].includes(word))
    throw new UsageError(`alerts needs list, ack ID or unack ID; got "${word}"`);
  if (id === undefined || more.length > 0)
    throw new UsageError(`alerts ${word} needs one ID, as list shows it`);
  const path = `/api/v1/alerts/${encodeURIComponent(id)}/ack`;
  if (word === 'unack') return { path, method: 'DELETE' };
  const { by = user, comment, expires } = values;
  if (by === undefined) throw new UsageError('alerts ack needs --by NAME');
  return { path, method: 'POST', body: { by, comment, expires } };
}

function listOf(answer: unknown): ApiAlertList {
  return { alerts: [answer as ApiAlert], next_after: null };
}

function checkUrl(given: string): void {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url !== undefined && (url.username !== '' || url.password !== ''))
    throw new UsageError('--url has a user or a password; give a token with --token-file FILE instead');
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw new UsageError(`--url is "${given}"; expected a URL such as http://127.0.0.1:10464`);
}

function readToken(file: string | undefined, cwd: string): string | undefined {
  if (file === undefined) return undefined;
  const token = readTokenFile(file, cwd).trim();
  // without the text, because it may be a secret
  if (!/^[\x21-\x7e]+$/.test(token)) {
    const lines = token === '' ? 0 : token.split('\n').length;
    throw new UsageError(
      `--token-file is "${file}"; expected one token of ASCII characters without blanks (it has ${lines} lines, ${token.length} characters)`,
    );
  }
  return token;
}

function readTokenFile(file: string, cwd: string): string {
  try {
    return readRegularFile(resolve(cwd, file), MAX_TOKEN_BYTES).toString('utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`--token-file is "${file}"; expected a file that can be read (${reason})`);
  }
}

/** @returns the JSON, or an error as text */
async function sendRequest(
  { path, method = 'GET', body }: Call,
  url: string,
  token: string | undefined,
): Promise<unknown> {
  try {
    const response = await fetch(new URL(path, url), {
      method,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: {
        'content-type': 'application/json',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const answer: unknown = await response.json();
    return response.ok ? answer : detailOf(answer, response.status);
  } catch (error) {
    const { message, cause } = error as Error;
    return `${url} did not answer: ${cause instanceof Error ? cause.message : message}`;
  }
}

function detailOf(answer: unknown, status: number): string {
  const problem = answer as { detail?: unknown };
  return typeof problem.detail === 'string' ? problem.detail : `the server answered ${status}`;
}

function lineOf({ id, state, severity, labels, starts_at: since, acknowledgement }: ApiAlert): string {
  const { alertname = '', instance = '', service = '' } = labels;
  const who = acknowledgement === null ? '-' : acknowledgement.by;
  const shown = [id, state, severity, alertname, service, instance, since, who];
  return `${shown.map(printable).join('\t')}\n`;
}
