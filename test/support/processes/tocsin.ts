import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface LogEntry {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A Tocsin in a separate process, as `npm start` runs it. */
export interface RunningTocsin extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** Every line of the log so far. */
  readonly log: readonly LogEntry[];
  /** Resolves with the first line, past or future, for which this is true; rejects when the process ends before. */
  logged(wanted: (entry: LogEntry) => boolean): Promise<LogEntry>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Whether its standard output is read; it is from the start. */
  readLog(whether: boolean): void;
}

export interface TocsinOptions {
  /** Text of tocsin.yml. */
  readonly config: string;
  /** Where it runs: contains the configuration and the ledger, and remains after it has stopped. */
  readonly folder: string;
  /** Default: a free loopback port. */
  readonly listen?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly logLevel?: string;
  /** Which lines of the log are kept; default: all. */
  readonly keepLog?: (entry: LogEntry) => boolean;
}

/** As in `npm start` and the image. */
const NODE_OPTIONS = ['--max-semi-space-size=8'];
const MAIN = new URL('../../../dist/main.js', import.meta.url).pathname;

/** A temporary folder that is removed with `await using`. */
export function temporaryFolder(): { readonly path: string; [Symbol.asyncDispose](): Promise<void> } {
  const path = mkdtempSync(join(tmpdir(), 'tocsin-test-'));
  return {
    path,
    [Symbol.asyncDispose]: () => {
      rmSync(path, { recursive: true, force: true });
      return Promise.resolve();
    },
  };
}

/** Starts Tocsin and waits until it listens. */
export async function startTocsin(options: TocsinOptions): Promise<RunningTocsin> {
  const file = join(options.folder, 'tocsin.yml');
  writeFileSync(file, options.config);
  const args = [
    ...NODE_OPTIONS,
    MAIN,
    'serve',
    '--config',
    file,
    '--listen',
    options.listen ?? '127.0.0.1:0',
  ];
  if (options.logLevel !== undefined) args.push('--log-level', options.logLevel);
  const child = spawn(process.execPath, args, {
    cwd: options.folder,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return follow(child, options.keepLog ?? (() => true));
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command of Tocsin to its end. */
export async function runTocsin(
  args: readonly string[],
  options: { cwd: string; env?: Record<string, string> },
): Promise<Finished> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

async function follow(child: ChildProcess, keepLog: (entry: LogEntry) => boolean): Promise<RunningTocsin> {
  const log: LogEntry[] = [];
  const waiting = new Set<(entry: LogEntry | undefined) => void>();
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  if (child.stdout === null) throw new Error('no stdout');
  const lines = createInterface({ input: child.stdout }).on('line', (line) => {
    const entry = JSON.parse(line) as LogEntry;
    if (keepLog(entry)) log.push(entry);
    for (const one of waiting) one(entry);
  });
  const ended = once(child, 'close').then(([code]) => {
    for (const one of waiting) one(undefined);
    return code as number | null;
  });
  const logged = (wanted: (entry: LogEntry) => boolean) =>
    new Promise<LogEntry>((resolve, reject) => {
      const past = log.find(wanted);
      if (past !== undefined) {
        resolve(past);
        return;
      }
      const look = (entry: LogEntry | undefined) => {
        if (entry !== undefined && !wanted(entry)) return;
        waiting.delete(look);
        if (entry === undefined)
          reject(new Error(`Tocsin ended (code ${child.exitCode}): ${stderr}${JSON.stringify(log)}`));
        else resolve(entry);
      };
      waiting.add(look);
    });
  const listening = await logged(({ msg }) => msg === 'listening');
  const stop = async () => {
    child.kill('SIGTERM');
    return ended;
  };
  return {
    url: String(listening['url']),
    pid: child.pid ?? -1,
    log,
    logged,
    stop,
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
    signal: (name) => void child.kill(name),
    readLog: (whether) => {
      if (whether) lines.resume();
      else lines.pause();
    },
    [Symbol.asyncDispose]: async () => {
      await stop();
    },
  };
}
