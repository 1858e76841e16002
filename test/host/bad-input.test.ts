import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CollectorError, type Collector } from '../../src/host/collector.ts';
import { collectors } from '../../src/host/registry.ts';
import type { Sample } from '../../src/metrics/family.ts';
import { readBack, type Exposition } from '../support/exposition/exposition.ts';
import { hostOptions, never } from '../support/host/procfs.ts';
import { unpackedHost } from '../support/host/trees.ts';

const USAGE = { bsize: 1, blocks: 2, bfree: 1, bavail: 1, files: 1, ffree: 1 };
const statfs = (paths: readonly string[]) => Promise.resolve(new Map(paths.map((path) => [path, USAGE])));
const LARGEST = '18446744073709551615';

/** A copy of a recorded host, to be damaged. */
const folder = mkdtempSync(join(tmpdir(), 'tocsin-damaged-'));
const { procfs } = unpackedHost('4.19');
cpSync(join(procfs, '..'), folder, { recursive: true, verbatimSymlinks: true });
const paths = {
  procfs: join(folder, 'proc'),
  sysfs: join(folder, 'sys'),
  rootfs: join(folder, 'root'),
  statfs,
};
const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name))
  .sort();

type Outcome = Exposition | CollectorError;

async function outcomeOf(collector: Collector): Promise<Outcome> {
  try {
    return readBack(distinct(await collector.create(hostOptions(paths)).collect(never)));
  } catch (error) {
    if (error instanceof CollectorError) return error;
    throw error;
  }
}

/** The first of each series: the series table drops the repeats of a doubled file. */
function distinct(samples: readonly Sample[]): readonly Sample[] {
  const keyOf = ({ family, labels }: Sample) => JSON.stringify([family.name, Object.entries(labels).sort()]);
  const first = new Map(samples.toReversed().map((each) => [keyOf(each), each]));
  return [...first.values()].reverse();
}

async function outcomes(): Promise<Map<string, Outcome>> {
  return new Map(
    await Promise.all(
      collectors.map(async (collector) => [collector.name, await outcomeOf(collector)] as const),
    ),
  );
}

const damage: fc.Arbitrary<(text: string) => string | undefined> = fc.oneof(
  fc.constant(() => undefined),
  fc
    .double({ min: 0, max: 1, noNaN: true })
    .map((part) => (text: string) => text.slice(0, text.length * part)),
  fc.constant((text: string) => text.replace(/\d+/g, LARGEST)),
  fc.constant((text: string) => text.replace(/\n/g, ' 7 new:9\n')),
  fc.constant((text: string) => text.replace(/\d/g, '-')),
  fc.constant((text: string) => text + text),
  fc.string({ unit: 'binary', maxLength: 60 }).map((garbage) => (text: string) => garbage + text),
  fc
    .string({ unit: fc.constantFrom(...Array.from('09 \t\n:-.,abEN=')), maxLength: 200 })
    .map((garbage) => () => garbage),
);

describe('a file that is missing, truncated, of another kernel or garbage', () => {
  afterAll(() => rmSync(folder, { recursive: true }));

  it('affects at most its collector; the others continue as before', async () => {
    const before = await outcomes();
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...files), damage, async (file, hurt) => {
        const whole = readFileSync(file);
        const damaged = hurt(whole.toString());
        if (damaged === undefined) rmSync(file);
        else writeFileSync(file, damaged);
        try {
          const touched = [...(await outcomes())].filter(
            ([name, outcome]) => !same(outcome, before.get(name)),
          );
          // /proc/stat is read by two.
          expect(touched.length).toBeLessThanOrEqual(file.endsWith('proc/stat') ? 2 : 1);
          for (const [, outcome] of touched) {
            if (outcome instanceof CollectorError) expect(outcome.message).not.toBe('');
            else expect([...outcome.series.values()].filter((value) => !Number.isFinite(value))).toEqual([]);
          }
        } finally {
          writeFileSync(file, whole);
        }
      }),
      { numRuns: 200 },
    );
  });
});

function same(one: Outcome, other: Outcome | undefined): boolean {
  if (one instanceof CollectorError) return other instanceof CollectorError && one.message === other.message;
  return (
    other !== undefined &&
    'series' in other &&
    JSON.stringify([...one.series]) === JSON.stringify([...other.series])
  );
}
