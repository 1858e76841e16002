import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { systemClock } from '../../src/domain/clock.ts';
import type { FormatName } from '../../src/exposition/formats/formats.ts';
import type { Encoding } from '../../src/exposition/formats/negotiate.ts';
import type { Sample } from '../../src/exposition/table/samples.ts';
import { ScrapeSource } from '../../src/exposition/render/scrape-source.ts';
import { SeriesTable } from '../../src/exposition/table/series-table.ts';
import { anyDouble, anySamples, identity } from '../support/exposition/exposition-arbitraries.ts';
import { parseText } from '../support/exposition/exposition-parser.ts';
import { parseOpenMetrics } from '../support/exposition/openmetrics-parser.ts';
import { plainExposition } from '../support/exposition/plain-exposition.ts';
import { decodeFamilies, type DecodedMetric } from '../support/exposition/protobuf-decoder.ts';

const WRITERS = ['one', 'two', 'three'];

/** A writer provides other samples, none, or the same with other values. */
const anyStep = fc.constantFrom(...WRITERS).chain((writer) =>
  fc.record({
    writer: fc.constant(writer),
    change: fc.oneof(
      { weight: 3, arbitrary: anySamples(writer).map((samples) => () => samples) },
      { weight: 1, arbitrary: fc.constant(() => []) },
      {
        weight: 5,
        arbitrary: fc
          .array(fc.option(anyDouble, { nil: undefined }), { minLength: 10, maxLength: 10 })
          .map(
            (values) => (samples: readonly Sample[]) =>
              samples.map((sample, i) => revalued(sample, values[i])),
          ),
      },
    ),
    scrape: fc.boolean(),
  }),
);

function revalued(sample: Sample, n: number | undefined): Sample {
  const { value } = sample;
  if (n === undefined) return { ...sample };
  if (typeof value === 'number') return { ...sample, value: n };
  if ('quantiles' in value)
    return { ...sample, value: { ...value, sum: n, values: value.values.map(() => n) } };
  const more = Math.abs(Math.trunc(n)) % 1_000_000 || 1;
  const counts = value.counts.map((count) => count + more);
  const exemplar = { labels: { run_id: `run ${n}` }, value: more, timestampMs: more };
  return { ...sample, value: { ...value, counts, sum: n, exemplars: counts.map(() => exemplar) } };
}

/** An exposition whose blocks hold few series, so that they are split and merged all the time. */
function setUp(blockBytes: number) {
  const table = new SeriesTable({ blockBytes });
  const source = new ScrapeSource({
    table,
    collectors: [],
    clock: systemClock,
    native: () => true,
    onCollectorFailure: () => undefined,
    onCoalesced: () => undefined,
    onRendered: () => undefined,
  });
  const scrape = async (name: FormatName, encoding: Encoding = 'identity') => {
    const { chunks, release } = await source.scrape({
      waitMs: 1_000,
      format: { name, escaping: 'underscores' },
      encoding,
      signal: new AbortController().signal,
    });
    const bytes = Buffer.concat([...chunks]);
    release();
    return encoding === 'gzip' && bytes.length > 0 ? gunzipSync(bytes) : bytes;
  };
  return { table, scrape };
}

describe('any exposition, after any replacements', () => {
  it('equals the output of a plain renderer, in both text formats and compressed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyStep, { maxLength: 8 }),
        fc.constantFrom(1, 300, 60_000),
        async (steps, bytes) => {
          const { table, scrape } = setUp(bytes);
          const groups = new Map(WRITERS.map((writer) => [writer, table.group()]));
          const shown = new Map<string, readonly Sample[]>();
          const last = { writer: 'one', change: () => [], scrape: true };
          for (const { writer, change, scrape: now } of [...steps, last]) {
            const samples = change(shown.get(writer) ?? []);
            groups.get(writer)?.replace(samples);
            shown.set(writer, samples);
            if (!now) continue;
            const all = [...shown.values()].flat();
            const [text, openMetrics] = [plainExposition(all, false), plainExposition(all, true)];
            expect((await scrape('text')).toString()).toBe(text);
            expect((await scrape('openmetrics')).toString()).toBe(openMetrics);
            expect((await scrape('text', 'gzip')).toString()).toBe(text);
            expect((await scrape('openmetrics', 'gzip')).toString()).toBe(openMetrics);
            expectSame(decodeFamilies(await scrape('protobuf')), all);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it('survives a round trip through parsers of its format', async () => {
    await fc.assert(
      fc.asyncProperty(anySamples('one'), async (samples) => {
        const { table, scrape } = setUp(300);
        table.group().replace(samples);
        if (samples.length === 0) return;
        for (const parsed of [
          parseText((await scrape('text')).toString()),
          parseOpenMetrics((await scrape('openmetrics')).toString()),
        ]) {
          const families = new Set(samples.map(({ family }) => family.name.replace(/_total$/, '')));
          expect(new Set([...parsed.keys()].map((name) => name.replace(/_total$/, '')))).toEqual(families);
          const read = new Map(
            [...parsed.values()].flatMap((family) =>
              family.samples.map((one) => [`${one.name} ${identity(one.labels)}`, one] as const),
            ),
          );
          for (const { family, labels, value } of samples) {
            const name = typeof value === 'number' ? family.name : `${family.name}_sum`;
            const found = read.get(`${name} ${identity(labels)}`);
            expect(found?.value).toBe(typeof value === 'number' ? value : value.sum);
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});

/** Whether the protobuf families hold these samples, in the order of the text format. */
function expectSame(families: ReturnType<typeof decodeFamilies>, samples: readonly Sample[]): void {
  expect(families.map(({ name }) => name)).toEqual(
    [...new Set(samples.map(({ family }) => family.name))].sort(),
  );
  for (const { name, type, help, metrics } of families) {
    const own = samples.filter(({ family }) => family.name === name);
    expect([type, help]).toEqual([own[0]?.family.type, own[0]?.family.help]);
    const byIdentity = new Map(metrics.map((metric) => [identity(metric.labels), metric]));
    expect(byIdentity.size).toBe(own.length);
    for (const { labels, value } of own) expectValue(byIdentity.get(identity(labels)), value);
  }
}

function expectValue(metric: DecodedMetric | undefined, value: Sample['value']): void {
  if (typeof value === 'number') {
    expect(metric?.value).toBe(value);
    return;
  }
  expect(metric?.sum).toBe(value.sum);
  if ('quantiles' in value) {
    expect(metric?.count).toBe(value.count);
    expect(metric?.points).toEqual(value.quantiles.map((quantile, i) => [quantile, value.values[i]]));
    return;
  }
  expect(metric?.points).toEqual([...value.bounds, Infinity].map((bound, i) => [bound, value.counts[i]]));
  expect(metric?.exemplars?.map((one) => one?.value)).toEqual(
    value.counts.map((_, i) => value.exemplars?.[i]?.value),
  );
  if (value.native === undefined) {
    expect(metric?.native).toBeUndefined();
    return;
  }
  const { positive, negative, zeroCount } = value.native;
  const empty = positive.spans.length + negative.spans.length + zeroCount === 0;
  expect(metric?.native).toEqual({
    ...value.native,
    ...(empty && { positive: { spans: [{ offset: 0, length: 0 }], deltas: [] } }),
  });
}
