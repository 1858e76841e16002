import { spawn } from 'node:child_process';
import { peer } from '../processes/peers.ts';
import { closedPort } from '../servers/tcp.ts';
import { until } from '../until.ts';
import type { Answer } from './compare.ts';

/** A program that answers `/probe`. */
export interface Exporter {
  readonly url: string;
  stop(): void;
}

/** Starts the real blackbox_exporter with a modules file. */
export async function startBlackbox(
  modules: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Exporter> {
  const port = await closedPort();
  const args = [`--config.file=${modules}`, `--web.listen-address=127.0.0.1:${port}`, '--log.level=error'];
  const child = spawn(peer('blackbox_exporter'), args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const url = `http://127.0.0.1:${port}`;
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`blackbox_exporter ended: ${stderr}`);
    return (await fetch(`${url}/-/healthy`).catch(() => undefined))?.ok === true;
  });
  return { url, stop: () => void child.kill('SIGKILL') };
}

export interface Question {
  readonly target: string;
  readonly module: string;
  /** Further parameters, such as `hostname`. */
  readonly query?: Readonly<Record<string, string>> | undefined;
  readonly timeoutSeconds?: number | undefined;
}

export async function askProbe(exporter: Pick<Exporter, 'url'>, question: Question): Promise<Answer> {
  const { target, module, query, timeoutSeconds = 15 } = question;
  const parameters = new URLSearchParams({ target, module, ...query });
  const response = await fetch(`${exporter.url}/probe?${parameters.toString()}`, {
    headers: { 'X-Prometheus-Scrape-Timeout-Seconds': String(timeoutSeconds) },
  });
  return { status: response.status, text: await response.text() };
}
