import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { systemClock } from '../../../src/domain/clock.ts';
import type { FormatName } from '../../../src/exposition/formats/formats.ts';
import type { Sample } from '../../../src/exposition/table/samples.ts';
import { ScrapeSource, type ScrapeRequest } from '../../../src/exposition/render/scrape-source.ts';
import { SeriesTable } from '../../../src/exposition/table/series-table.ts';
import { plainExposition } from '../../support/exposition/plain-exposition.ts';
import { decodeFamilies } from '../../support/exposition/protobuf-decoder.ts';

const success = { name: 'collector_success', type: 'gauge', help: 'Whether it worked.' } as const;
const bytes = { name: 'read_bytes_total', type: 'counter', help: 'Read.' } as const;
const seconds = { name: 'read_seconds', type: 'histogram', help: 'Reading.' } as const;

function samplesOf(collector: string): Sample[] {
  return [
    { family: success, labels: { collector }, value: 1 },
    ...Array.from({ length: 30 }, (_, i) => ({ family: bytes, labels: { i: `${i}`, collector }, value: i })),
    ...Array.from({ length: 9 }, (_, i) => ({
      family: seconds,
      labels: { i: `${i}`, collector },
      value: {
        bounds: [1],
        counts: [i, 2 * i],
        sum: i / 3,
        native: {
          schema: 3,
          zeroThreshold: 1e-9,
          zeroCount: i,
          positive: { spans: [], deltas: [] },
          negative: { spans: [], deltas: [] },
        },
      },
    })),
  ];
}

const COLLECTORS = ['cpu', 'disk', 'net'];

/** The series of all collectors are mixed in small blocks. */
function setUp(native?: boolean) {
  const table = new SeriesTable({ blockBytes: 400 });
  for (const collector of COLLECTORS) table.group(collector).replace(samplesOf(collector));
  const source = new ScrapeSource({
    table,
    collectors: [],
    clock: systemClock,
    onCollectorFailure: () => undefined,
    onCoalesced: () => undefined,
    onRendered: () => undefined,
    ...(native !== undefined && { native: () => native }),
  });
  return async (name: FormatName, request: Partial<ScrapeRequest> = {}) => {
    const { chunks, release } = await source.scrape({
      waitMs: 1_000,
      format: { name, escaping: 'underscores' },
      encoding: 'identity',
      signal: new AbortController().signal,
      ...request,
    });
    const body = Buffer.concat([...chunks]);
    release();
    return request.encoding === 'gzip' ? gunzipSync(body) : body;
  };
}

describe('filters', () => {
  it.each([['cpu'], ['disk', 'net'], ['net', 'cpu', 'disk']])(
    'select the series of collectors from every format: %s %s %s',
    async (...names) => {
      const scrape = setUp();
      const collectors = new Set(names);
      const wanted = [...collectors].flatMap(samplesOf);
      for (const encoding of ['identity', 'gzip'] as const) {
        const request = { collectors, encoding };
        expect((await scrape('text', request)).toString()).toBe(plainExposition(wanted, false));
        expect((await scrape('openmetrics', request)).toString()).toBe(plainExposition(wanted, true));
        const families = decodeFamilies(await scrape('protobuf', request));
        expect(families.map(({ name, metrics }) => [name, metrics.length])).toEqual([
          [success.name, collectors.size],
          [bytes.name, 30 * collectors.size],
          [seconds.name, 9 * collectors.size],
        ]);
        const shown = families.flatMap(({ metrics }) => metrics.map(({ labels }) => labels['collector']));
        expect(new Set(shown)).toEqual(collectors);
      }
    },
  );

  it('leave families out of every format, without changing the cached whole', async () => {
    const scrape = setUp();
    const all = COLLECTORS.flatMap(samplesOf);
    const names = new Set([bytes.name, 'nothing']);
    const wanted = all.filter(({ family }) => names.has(family.name));
    for (const round of [1, 2]) {
      expect([round, (await scrape('text')).toString()]).toEqual([round, plainExposition(all, false)]);
      expect((await scrape('text', { names, encoding: 'gzip' })).toString()).toBe(
        plainExposition(wanted, false),
      );
      expect((await scrape('openmetrics', { names })).toString()).toBe(plainExposition(wanted, true));
      const [family, ...others] = decodeFamilies(await scrape('protobuf', { names }));
      expect([family?.name, family?.metrics.length, others]).toEqual([bytes.name, 90, []]);
    }
    expect(await scrape('openmetrics', { names: new Set(['nothing']) })).toHaveLength(0);
  });
});

describe('native histograms', () => {
  it.each([
    [undefined, false],
    [false, false],
    [true, true],
  ])('are exposed where %s: %s', async (native, there) => {
    const families = decodeFamilies(await setUp(native)('protobuf'));
    const metrics = families.find(({ name }) => name === seconds.name)?.metrics ?? [];
    expect(metrics.map((metric) => metric.native !== undefined)).toEqual(metrics.map(() => there));
    expect(metrics[0]?.points).toHaveLength(2);
  });
});
