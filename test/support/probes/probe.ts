import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { systemClock, type Clock } from '../../../src/domain/clock.ts';
import type { Target } from '../../../src/domain/service.ts';
import { createResolver, type Resolver } from '../../../src/probes/net/resolver.ts';
import { parseWebUrl, type WebUrl } from '../../../src/probes/net/web-url.ts';
import type { Probe, Prober, RunResult } from '../../../src/probes/prober.ts';
import { runProbe } from '../../../src/probes/run.ts';
import type { ConfigFiles } from '../../../src/settings/values.ts';

/** Files by absolute path, read as the configuration reads them. */
export const realFiles: ConfigFiles = {
  resolve: (path) => resolve(path),
  read: (path) => readFileSync(path, 'utf8'),
};

/** A name server that does not exist: names that are not in the hosts file are not found. */
export function hostsResolver(): Resolver {
  return createResolver({ monotonic: () => performance.now() });
}

/** A target as the configuration would create it; throws if the address is invalid. */
export function targetOf(prober: Prober, address: string): Target {
  const parts = prober.target(address);
  if ('problem' in parts) throw new Error(parts.problem);
  return { address, ...parts };
}

/** A URL; throws if it is invalid. */
export function webUrl(text: string): WebUrl {
  const url = parseWebUrl(text);
  if ('problem' in url) throw new Error(url.problem);
  return url;
}

/** Validates settings; throws zod's error. */
export function probeOf(prober: Prober, settings: Readonly<Record<string, unknown>> = {}): Probe {
  return prober.schema(realFiles).parse(settings);
}

/** Why settings are refused: `path: message`, one each. */
export function refusals(prober: Prober, settings: Readonly<Record<string, unknown>>): readonly string[] {
  const parsed = prober.schema(realFiles).safeParse(settings);
  return parsed.success
    ? []
    : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

const TICK_MS = 10;

/**
 * A clock for runs against servers in this process. In each turn of the event loop it advances by at most `TICK_MS`,
 * however long the turn took, so that a run gets as many turns before its deadline on a busy machine as on an idle one.
 */
export function pacedClock(): Clock {
  const timers = new Set<{ readonly at: number; readonly run: () => void }>();
  let [passed, tickedAt, ticking] = [0, systemClock.monotonic(), false];
  const monotonic = () => passed + Math.min(TICK_MS, systemClock.monotonic() - tickedAt);
  const tick = () => {
    [passed, tickedAt] = [monotonic(), systemClock.monotonic()];
    ticking = timers.size > 0;
    if (ticking) systemClock.after(TICK_MS, tick);
    for (const timer of timers) if (timer.at <= passed && timers.delete(timer)) timer.run();
  };
  return {
    now: () => systemClock.now(),
    monotonic,
    after: (delayMs, run) => {
      const timer = { at: monotonic() + delayMs, run };
      timers.add(timer);
      if (!ticking) tick();
      return () => timers.delete(timer);
    },
  };
}

export interface ProbeOptions {
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly timeoutMs?: number;
  readonly resolver?: Resolver;
  readonly signal?: AbortSignal;
}

/** Runs a prober once, as the scheduler would. */
export function run(prober: Prober, address: string, options: ProbeOptions = {}): Promise<RunResult> {
  return runProbe({
    probe: probeOf(prober, options.settings),
    target: targetOf(prober, address),
    timeoutMs: options.timeoutMs ?? 5_000,
    resolver: options.resolver ?? hostsResolver(),
    clock: pacedClock(),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
}

/** The value of a family without labels, or with exactly these; undefined when it is absent. */
export function valueOf(
  result: RunResult,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const wanted = JSON.stringify(Object.entries(labels).sort());
  const found = result.samples.find(
    (sample) =>
      sample.family.name === name && JSON.stringify(Object.entries(sample.labels).sort()) === wanted,
  );
  return typeof found?.value === 'number' ? found.value : undefined;
}

/** The labels of the first series of a family. */
export function labelsOf(result: RunResult, name: string): Readonly<Record<string, string>> | undefined {
  return result.samples.find((sample) => sample.family.name === name)?.labels;
}

/** `reason: text` of a run that did not succeed, else `success`. */
export function verdictText({ verdict }: RunResult): string {
  return verdict.status === 'success' ? 'success' : `${verdict.reason}: ${verdict.text}`;
}

/** The families that a run exposes with the names of their labels, sorted, one per line, as in golden files. */
export function exposedFamilies(result: RunResult): string {
  const lines = result.samples.map(({ family, labels }) => {
    const names = Object.keys(labels).sort().join(',');
    return names === '' ? family.name : `${family.name}{${names}}`;
  });
  return [...new Set(lines)]
    .sort()
    .map((line) => `${line}\n`)
    .join('');
}
