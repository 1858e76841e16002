import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Collector, CollectorInstance } from '../../../src/host/collector.ts';
import type { Statfs } from '../../../src/host/statfs.ts';
import type { Sample } from '../../../src/metrics/family.ts';
import { parseExposition } from '../exposition.ts';

const AREA = join(import.meta.dirname, '../../host');

/** Kernels whose /proc is recorded, with what node_exporter makes of it. */
export const KERNELS = ['4.19', '5.10', '6.1'] as const;

/** The folder of a recorded /proc. */
export function recorded(kernel: (typeof KERNELS)[number]): string {
  return join(AREA, 'fixtures', `linux-${kernel}`);
}

/** The series with a prefix that node_exporter 1.11 exposes for a recorded /proc. */
export function golden(kernel: (typeof KERNELS)[number], prefix: RegExp): ReadonlyMap<string, number> {
  const text = readFileSync(join(AREA, 'golden', `linux-${kernel}.txt`), 'utf8');
  return new Map([...parseExposition(text).series].filter(([name]) => prefix.test(name)));
}

/** A /proc of a test's own. */
export class ProcTree {
  readonly path = mkdtempSync(join(tmpdir(), 'tocsin-proc-'));

  write(file: string, content: string): void {
    const path = join(this.path, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export const noStatfs: Statfs = () => Promise.reject(new Error('this test asks no file system'));

export const never = new AbortController().signal;

/** A collector at work on a /proc. */
export function collectorOn(
  collector: Collector,
  procfs: string,
  statfs: Statfs = noStatfs,
): CollectorInstance {
  return collector.create({ procfs, rootfs: '/', statfs });
}

/** Reads a /proc once. */
export async function collect(
  collector: Collector,
  procfs: string,
  statfs?: Statfs,
): Promise<readonly Sample[]> {
  return await collectorOn(collector, procfs, statfs).collect(never);
}
