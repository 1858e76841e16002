import fc from 'fast-check';
import type {
  Exemplar,
  FamilyHeader,
  HistogramValue,
  NativeHistogram,
  Sample,
  SummaryValue,
  SampleValue,
} from '../../../src/exposition/table/samples.ts';

export const anyText = fc.string({ unit: 'binary', maxLength: 12 });
const awkwardText = fc.string({
  unit: fc.constantFrom('\\', '"', '\n', '{', '}', ',', '#', ' ', 'é', '\ud800'),
});

/** Arbitrary doubles, and those that are difficult to format. */
export const anyDouble = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ min: -1e6, max: 1e6 }),
  fc.integer({ min: -1e9, max: 1e9 }).map((n) => n / 1_000),
  fc.constantFrom(
    NaN,
    Infinity,
    -Infinity,
    -0,
    0,
    5e-324,
    2.5e-310,
    1e308,
    -1e308,
    1e21,
    1e-7,
    2 ** 53,
    0.1 + 0.2,
  ),
);

export const anyLabels = fc.dictionary(
  fc.stringMatching(/^[a-df-kn-pr-z_][a-z0-9_]{0,3}$/),
  fc.oneof(anyText, awkwardText),
  { maxKeys: 4 },
);

const FAMILIES: readonly FamilyHeader[] = [
  { name: 'a_temperature', type: 'gauge', help: 'With "quotes", \\ and\nlines.' },
  { name: 'b_requests_total', type: 'counter', help: '' },
  { name: 'c_requests', type: 'counter', help: 'A counter by another name.' },
  { name: 'd_size_bytes', type: 'untyped', help: 'é' },
  { name: 'e_run_seconds', type: 'histogram', help: 'How long.' },
  { name: 'f_wait_seconds', type: 'summary', help: 'How long, too.' },
];

const anyExemplar: fc.Arbitrary<Exemplar> = fc.record({
  labels: fc.record({ run_id: fc.oneof(anyText, awkwardText) }),
  value: fc.double({ noNaN: true, noDefaultInfinity: true }),
  timestampMs: fc.integer({ min: 0, max: 4e12 }),
});

const anyBuckets = fc
  .array(
    fc.record({
      offset: fc.integer({ min: -300, max: 300 }),
      counts: fc.array(fc.nat(1e6), { maxLength: 4 }),
    }),
    {
      maxLength: 3,
    },
  )
  .map((spans) => ({
    spans: spans.map(({ offset, counts }) => ({ offset, length: counts.length })),
    deltas: spans.flatMap(({ counts }) => counts).map((count, i, all) => count - (all[i - 1] ?? 0)),
  }));

const anyNative: fc.Arbitrary<NativeHistogram> = fc.record({
  schema: fc.integer({ min: -4, max: 8 }),
  zeroThreshold: fc.double({ min: 0, max: 1, noNaN: true }),
  zeroCount: fc.nat(),
  positive: anyBuckets,
  negative: anyBuckets,
});

const anyBounds = fc
  .uniqueArray(
    fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(1, 2.5, 1e6, 1e-5)),
    {
      maxLength: 4,
      selector: (n) => n + 0,
    },
  )
  .map((bounds) => bounds.map((bound) => bound + 0).sort((a, b) => a - b));

const anyHistogram: fc.Arbitrary<HistogramValue> = anyBounds.chain((bounds) =>
  fc
    .record({
      steps: fc.array(fc.nat(1_000), { minLength: bounds.length + 1, maxLength: bounds.length + 1 }),
      sum: anyDouble,
      exemplars: fc.option(
        fc.array(fc.option(anyExemplar, { nil: undefined }), {
          minLength: bounds.length + 1,
          maxLength: bounds.length + 1,
        }),
        { nil: undefined },
      ),
      native: fc.option(anyNative, { nil: undefined }),
    })
    .map(({ steps, sum, exemplars, native }) => {
      let total = 0;
      const counts = steps.map((step) => (total += step));
      return { bounds, counts, sum, ...(exemplars && { exemplars }), ...(native && { native }) };
    }),
);

const anySummary: fc.Arbitrary<SummaryValue> = fc
  .uniqueArray(fc.constantFrom(0, 0.5, 0.9, 0.99, 1), { maxLength: 3 })
  .chain((quantiles) =>
    fc.record({
      quantiles: fc.constant([...quantiles].sort()),
      values: fc.array(anyDouble, { minLength: quantiles.length, maxLength: quantiles.length }),
      sum: anyDouble,
      count: fc.nat(),
    }),
  );

function valueOf(family: FamilyHeader): fc.Arbitrary<SampleValue> {
  if (family.type === 'histogram') return anyHistogram;
  return family.type === 'summary' ? anySummary : anyDouble;
}

/** Samples of one writer; its label distinguishes them from those of other writers. */
export function anySamples(writer: string): fc.Arbitrary<Sample[]> {
  const sample = fc.constantFrom(...FAMILIES).chain((family) =>
    fc.record({
      family: fc.constant(family),
      labels: anyLabels.map((labels) => ({ ...labels, writer })),
      value: valueOf(family),
    }),
  );
  return fc.uniqueArray(sample, {
    selector: ({ family, labels }) => `${family.name} ${identity(labels)}`,
    maxLength: 10,
  });
}

/** The identity of a series in Prometheus: a label with an empty value does not count. */
export function identity(labels: Readonly<Record<string, string>>): string {
  const set = Object.entries(labels).filter(([, value]) => value !== '');
  return JSON.stringify(set.map(([name, value]) => [name, Buffer.from(value).toString()]).sort());
}
