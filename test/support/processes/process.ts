import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { NEVER_MS } from '../until.ts';

export interface StartOptions {
  /** Ready when its output matches, or when the function returns true; a function that throws is called again. */
  readonly ready: RegExp | (() => Promise<boolean>);
  readonly cwd?: string;
  /** Instead of this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** How long it may take to become ready, milliseconds. */
  readonly timeoutMs?: number;
}

/** A process that a test started and that is ready. */
export interface RunningProcess {
  readonly pid: number;
  /** What `ready` matched; undefined when it is a function. */
  readonly match: RegExpExecArray | undefined;
  /** Everything printed so far, stdout and stderr together. */
  output(): string;
  /** Fulfilled with the exit code (null: ended by a signal) when it has exited. */
  readonly exited: Promise<number | null>;
  /** Sends SIGTERM, or the given signal, and SIGKILL when it does not exit. Returns the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

const POLL_MS = 25;

/** Starts a process and waits until it is ready. Rejects, with its output, when it exits or takes too long. */
export async function startProcess(
  command: string,
  args: readonly string[],
  options: StartOptions,
): Promise<RunningProcess> {
  const { cwd, env, ready, timeoutMs = NEVER_MS } = options;
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd, env: env ?? process.env });
  let output = '';
  let ended: string | undefined;
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const exited = new Promise<number | null>((resolve) => {
    child.once('error', (error) => {
      ended = `could not be started: ${error.message}`;
      resolve(null);
    });
    child.once('close', (code, signal) => {
      ended ??= `ended with ${signal ?? `exit code ${code ?? 'unknown'}`}`;
      resolve(code);
    });
  });
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> => {
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), NEVER_MS);
    const code = await exited;
    clearTimeout(timer);
    return code;
  };
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const match = ready instanceof RegExp ? (ready.exec(output) ?? false) : await ready().catch(() => false);
    if (match !== false) {
      const matched = match === true ? undefined : match;
      return { pid: child.pid ?? 0, match: matched, output: () => output, exited, stop };
    }
    const late = performance.now() > deadline;
    if (ended === undefined && !late) {
      await Promise.race([pause(POLL_MS), exited]);
      continue;
    }
    if (ended === undefined) await stop('SIGKILL');
    const why = late ? `was not ready within ${timeoutMs} ms` : (ended ?? '');
    throw new Error(`${[command, ...args].join(' ')} ${why}; it printed:\n${output}`);
  }
}

/** A port of 127.0.0.1 on which nothing listens now, for servers that cannot report the one they chose. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('the system gave no port');
  return address.port;
}
