import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface HostileOptions {
  readonly port: number;
  readonly clients: number;
  /** Loopback addresses that they come from, at most 250. */
  readonly addresses: number;
}

/** What hostile readers did and were answered. */
export interface HostileCounts {
  readonly asked: number;
  /** First answers of connections that read, by status. */
  readonly answers: Readonly<Record<string, number>>;
  /** Connections that ended, from either side. */
  readonly ended: number;
}

export interface HostileReaders {
  stop(): Promise<HostileCounts>;
}

/** Starts the clients of readers.mjs in a process of their own. */
export async function startHostileReaders({
  port,
  clients,
  addresses,
}: HostileOptions): Promise<HostileReaders> {
  const program = fileURLToPath(new URL('./readers.mjs', import.meta.url));
  const args = [program, String(port), String(clients), String(addresses)];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  await once(child.stdout, 'data');
  return {
    stop: async () => {
      child.stdin.end();
      await once(child, 'close');
      return JSON.parse(output.replace('ready\n', '')) as HostileCounts;
    },
  };
}
