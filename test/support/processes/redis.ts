import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closedPort } from '../servers/tcp.ts';
import type { Minted } from '../probes/certificates.ts';

export interface RedisOptions {
  readonly password?: string;
  /** Lines as in redis.conf: `maxmemory 100mb`. */
  readonly config?: readonly string[];
  /** Where it works and listens, for a restart; default: a temporary folder, removed at the end, and a free port. */
  readonly at?: { readonly folder: string; readonly port: number };
  /** Speaks TLS only. */
  readonly tls?: Minted & { readonly caFile: string };
}

export interface RedisTestServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Starts the `redis-server` on PATH on a free loopback port, in a temporary folder. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisTestServer> {
  const folder = options.at?.folder ?? mkdtempSync(join(tmpdir(), 'tocsin-redis-'));
  const port = options.at?.port ?? (await closedPort());
  const child = spawn('redis-server', ['-'], { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(configuration(port, options).join('\n'));
  await listening(child);
  return {
    port,
    close: async () => {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) {
        await new Promise((resolve) => child.once('exit', resolve));
      }
      if (options.at === undefined) rmSync(folder, { recursive: true });
    },
  };
}

function configuration(port: number, { password, config = [], tls }: RedisOptions): string[] {
  const ports =
    tls === undefined
      ? [`port ${port}`]
      : [
          'port 0',
          `tls-port ${port}`,
          `tls-cert-file ${tls.certFile}`,
          `tls-key-file ${tls.keyFile}`,
          `tls-ca-cert-file ${tls.caFile}`,
          'tls-auth-clients no',
        ];
  return [
    ...ports,
    'bind 127.0.0.1',
    'save ""',
    'appendonly no',
    ...(password === undefined ? [] : [`requirepass ${password}`]),
    ...config,
    '',
  ];
}

function listening(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('Ready to accept connections')) resolve();
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`redis-server ended before it listened: ${output}`)));
  });
}
