import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from '@jest/globals';
import {
  CollectorError,
  type Collector,
  type CollectorInstance,
  type CollectorOptions,
} from '../../../src/host/collector.ts';
import { countProcesses } from '../../../src/host/collectors/cpu/process-count.ts';
import type { ReadSlow, SlowText } from '../../../src/host/slow-read.ts';
import type { Statfs } from '../../../src/host/collectors/disk/statfs.ts';
import type { System } from '../../../src/host/system.ts';
import type { Sample } from '../../../src/metrics/family.ts';
import { parseExposition, readBack, type Exposition } from '../exposition/exposition.ts';
import { ManualClock } from '../manual-clock.ts';
import { recordingLogger } from '../recording-logger.ts';
import { goldenFile, unpackedHost, type Kernel } from './trees.ts';

export { KERNELS } from './trees.ts';

/** The folder of a recorded /proc. */
export function recorded(kernel: Kernel): string {
  return unpackedHost(kernel).procfs;
}

/** What node_exporter 1.11 exposes for a recorded host. */
export function goldenOf(kernel: Kernel): Exposition {
  return parseExposition(readFileSync(goldenFile(kernel), 'utf8'));
}

/** The series with a prefix that node_exporter 1.11 exposes for a recorded host. */
export function golden(kernel: Kernel, prefix: RegExp): ReadonlyMap<string, number> {
  return new Map([...goldenOf(kernel).series].filter(([name]) => prefix.test(name)));
}

/** Temporary folders of a test. */
export class ProcTree {
  readonly path = mkdtempSync(join(tmpdir(), 'tocsin-proc-'));

  write(file: string, content: string | Buffer): void {
    const path = join(this.path, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }

  /** Several files below one folder, each with one line. */
  writeAll(folder: string, files: Readonly<Record<string, string>>): void {
    for (const [file, content] of Object.entries(files)) this.write(join(folder, file), `${content}\n`);
  }

  delete(file: string): void {
    rmSync(join(this.path, file), { recursive: true, force: true });
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export const noStatfs: Statfs = () => Promise.reject(new Error('this test asks no file system'));

export const never = new AbortController().signal;

/** Reads synchronously what the child would read. */
export const readHere: ReadSlow = (paths) =>
  Promise.resolve(new Map(paths.map((path) => [path, readNow(path)])));

function readNow(path: string): SlowText {
  try {
    return { text: readFileSync(path, 'utf8').trim() };
  } catch (error) {
    return { error: String(error) };
  }
}

/** A Linux machine; tests override what else matters to them. */
export function aSystem(overrides: Partial<System> = {}): System {
  return {
    platform: 'linux',
    pageSize: 4_096,
    loadavg: () => [0.5, 0.25, 0.125],
    cpus: () => [],
    totalmem: () => 16_000,
    freemem: () => 4_000,
    uptime: () => 1_000,
    type: () => 'Linux',
    release: () => '6.1.0',
    version: () => '#1 SMP',
    machine: () => 'x86_64',
    hostname: () => 'tester',
    timeZone: () => ({ name: 'UTC', offset: 0 }),
    ...overrides,
  };
}

/** Options of a host that has only what is given. */
export function hostOptions(overrides: Partial<CollectorOptions> = {}): CollectorOptions {
  return {
    procfs: '/nothing/proc',
    sysfs: '/nothing/sys',
    rootfs: '/nothing/root',
    textfile: [],
    reserved: [],
    statfs: noStatfs,
    readSlow: readHere,
    countProcesses: (procfs) => countProcesses(procfs, () => Promise.resolve()),
    system: aSystem(),
    clock: new ManualClock(),
    log: recordingLogger().logger,
    ...overrides,
  };
}

/** A collector that reads a /proc. */
export function collectorOn(
  collector: Collector,
  procfs: string,
  statfs: Statfs = noStatfs,
): CollectorInstance {
  return collector.create(hostOptions({ procfs, statfs, rootfs: '/' }));
}

/** Reads a /proc once. */
export async function collect(
  collector: Collector,
  procfs: string,
  statfs?: Statfs,
): Promise<readonly Sample[]> {
  return await collectorOn(collector, procfs, statfs).collect(never);
}

/** Reads once with these options. */
export async function collectWith(
  collector: Collector,
  overrides: Partial<CollectorOptions>,
): Promise<Exposition> {
  return readBack(await collector.create(hostOptions(overrides)).collect(never));
}

/** Its series by name. */
export async function seriesWith(
  collector: Collector,
  overrides: Partial<CollectorOptions>,
): Promise<Record<string, number>> {
  return Object.fromEntries((await collectWith(collector, overrides)).series);
}

/**
 * Reads a recorded host and expects what node_exporter made of it: families, types, labels and values, except for the
 * last digit, which depends on the order of a division; and no success where it had none.
 */
export async function expectAsNodeExporter(collector: Collector, kernel: Kernel): Promise<void> {
  const { types, series } = goldenOf(kernel);
  const outcome = await collectWith(collector, unpackedHost(kernel)).catch((error: unknown) => error);
  if (series.get(`node_scrape_collector_success{collector="${collector.name}"}`) === 0) {
    expect(outcome).toBeInstanceOf(CollectorError);
    return;
  }
  if (outcome instanceof Error) throw outcome;
  const ours = outcome as Exposition;
  const names = new Set(collector.families.map(({ name }) => name));
  const isOurs = ([name]: readonly [string, unknown]): boolean => names.has(name.replace(/\{.*/s, ''));
  expect(new Map([...ours.types].sort())).toEqual(new Map([...types].filter(isOurs).sort()));
  const theirs = [...series].filter(isOurs);
  expect([...ours.series.keys()].sort()).toEqual(theirs.map(([name]) => name).sort());
  const differing = theirs.filter(([name, value]) => !isClose(ours.series.get(name) ?? NaN, value));
  expect(differing).toEqual([]);
}

function isClose(one: number, other: number): boolean {
  return one === other || Math.abs(one - other) <= 1e-12 * Math.max(Math.abs(one), Math.abs(other));
}
