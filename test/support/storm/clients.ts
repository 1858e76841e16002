import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface StormOptions {
  readonly seconds: number;
  readonly clientsPerSecond: number;
  /** 127.0.0.2 to 127.0.0.254 in turn, or one address. */
  readonly from: 'many' | '127.0.0.1';
}

/** The outcome for the clients that do the same thing. */
export interface PhaseRecord {
  readonly name: string;
  /** They hold their connection until the server ends it. */
  readonly holds: boolean;
  readonly clients: number;
  readonly endedByServer: number;
  /** The longest duration of one of those. */
  readonly longestSeconds: number;
  /** Held on, or did not notice the end, until the storm was released. */
  readonly heldToTheEnd: number;
  /** Answers by status. */
  readonly statuses: Readonly<Record<string, number>>;
}

export interface RunningStorm {
  /** Resolves when every client has started: with their number and the seconds that it took. */
  readonly started: Promise<{ readonly started: number; readonly tookSeconds: number }>;
  /** Releases those that still hold a connection; returns the outcome for all. */
  letGo(): Promise<readonly PhaseRecord[]>;
}

/** Starts a storm of clients against `/metrics` on a loopback port, in a separate process. */
export function startStorm(port: number, options: StormOptions): RunningStorm {
  const script = join(import.meta.dirname, 'clients.mjs');
  const child = spawn(process.execPath, [script, JSON.stringify({ port, ...options })], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  const next = async () => {
    const [line] = (await Promise.race([
      once(lines, 'line'),
      once(lines, 'close').then(() => Promise.reject(new Error('the storm ended early'))),
    ])) as [string];
    return JSON.parse(line) as unknown;
  };
  return {
    started: next() as Promise<{ started: number; tookSeconds: number }>,
    letGo: async () => {
      const reported = next();
      child.stdin.end();
      const { phases } = (await reported) as { phases: PhaseRecord[] };
      return phases;
    },
  };
}
