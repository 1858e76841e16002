import { execFileSync } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { RunningTocsin } from '../processes/tocsin.ts';
import { until } from '../until.ts';
import type { HostileTargets } from './targets.ts';
import { targetsFile, TOKEN, WEBHOOK_TOKEN } from './world.ts';

export interface Faults {
  readonly rounds: number;
  /** Signals that must cause a reload, and those that must be refused, since a configured file is a pipe. */
  readonly reloads: { readonly good: number; readonly refused: number };
  /** From the failure of a good service until the API reports it as unhealthy; Infinity where it did not. */
  readonly outageSeconds: readonly number[];
  /** Names of the services that failed. */
  readonly failed: readonly string[];
}

interface FaultOptions {
  readonly tocsin: RunningTocsin;
  readonly folder: string;
  readonly targets: HostileTargets;
  readonly good: number;
  /** How long one round takes. */
  readonly roundSeconds: number;
  readonly seconds: number;
}

/**
 * Repeated mishaps around Tocsin: files that it reads become pipes, no one reads its standard output, it is reloaded,
 * and a service fails.
 */
export async function runFaults(options: FaultOptions): Promise<Faults> {
  const { tocsin, folder, targets, roundSeconds, seconds } = options;
  const reload = () => tocsin.signal('SIGHUP');
  const outageSeconds: number[] = [];
  const failed: string[] = [];
  const end = performance.now() + seconds * 1_000;
  let rounds = 0;
  const step = () => pause((roundSeconds * 1_000) / 6);
  for (; performance.now() < end; rounds++) {
    const name = `good-${(rounds * 7) % options.good}`;
    failed.push(name);
    const outage = takeOutage(tocsin.url, targets, name);
    reload();
    await step();
    becomePipe(join(folder, 'targets.yml'));
    tocsin.readLog(false);
    await step();
    becomePipe(join(folder, 'webhook-token'));
    reload();
    await step();
    becomeFile(join(folder, 'targets.yml'), targetsFile(targets));
    becomeFile(join(folder, 'webhook-token'), WEBHOOK_TOKEN);
    await step();
    reload();
    await step();
    tocsin.readLog(true);
    await step();
    outageSeconds.push(await outage);
  }
  return { rounds, reloads: { good: 2 * rounds, refused: rounds }, outageSeconds, failed };
}

/** Lets a service fail until that is reported; returns after how many seconds. */
async function takeOutage(url: string, targets: HostileTargets, name: string): Promise<number> {
  const began = performance.now();
  targets.fail(name, true);
  try {
    await until(async () => (await stateOf(url, name)) === 'unhealthy', {
      everyMs: 500,
    });
    return (performance.now() - began) / 1_000;
  } catch {
    return Infinity;
  } finally {
    targets.fail(name, false);
  }
}

async function stateOf(url: string, name: string): Promise<string | undefined> {
  const answer = await fetch(`${url}/api/v1/services/${name}`, {
    headers: { authorization: `Bearer ${TOKEN}` },
    signal: AbortSignal.timeout(10_000),
  });
  return ((await answer.json()) as { state?: string }).state;
}

/** Makes the path a named pipe to which no one writes. */
function becomePipe(path: string): void {
  execFileSync('mkfifo', [`${path}.new`]);
  renameSync(`${path}.new`, path);
}

function becomeFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
