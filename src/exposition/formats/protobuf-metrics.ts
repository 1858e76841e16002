import type { LabelSet } from '../table/labels.ts';
import { escapeLabel, type Escaping } from '../table/name-escaping.ts';
import type { ProtobufWriter } from './protobuf-encoder.ts';
import type {
  CompoundValue,
  Exemplar,
  FamilyHeader,
  HistogramValue,
  NativeBuckets,
  NativeHistogram,
  SummaryValue,
} from '../table/samples.ts';
import { fitsExemplar } from './text-lines.ts';

// Fields of io.prometheus.client, https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto

export const METRIC_TYPE = { counter: 0, gauge: 1, summary: 2, untyped: 3, histogram: 4 } as const;

/** The field of `Metric` that holds the value. */
export const VALUE_FIELD: Readonly<Record<FamilyHeader['type'], number>> = {
  gauge: 2,
  counter: 3,
  summary: 4,
  untyped: 5,
  histogram: 7,
};

const LABEL_FIELD = 1;

export interface CompoundOptions {
  readonly escaping: Escaping;
  /** Whether histograms carry their native form, too. */
  readonly native: boolean;
}

export function writeLabels(writer: ProtobufWriter, labels: LabelSet, escaping: Escaping): void {
  for (const name of Object.keys(labels).sort()) {
    writer.message(LABEL_FIELD, () => {
      writer.text(1, escapeLabel(name, escaping));
      writer.text(2, labels[name] ?? '');
    });
  }
}

/** The message of a histogram or summary within its `Metric`. */
export function writeCompound(writer: ProtobufWriter, value: CompoundValue, options: CompoundOptions): void {
  if ('bounds' in value) {
    writer.message(VALUE_FIELD.histogram, () => writeHistogram(writer, value, options));
  } else {
    writer.message(VALUE_FIELD.summary, () => writeSummary(writer, value));
  }
}

function writeSummary(writer: ProtobufWriter, { quantiles, values, sum, count }: SummaryValue): void {
  writer.uint(1, count);
  writer.double(2, sum);
  quantiles.forEach((quantile, i) =>
    writer.message(3, () => {
      writer.double(1, quantile);
      writer.double(2, values[i] ?? 0);
    }),
  );
}

function writeHistogram(writer: ProtobufWriter, value: HistogramValue, options: CompoundOptions): void {
  const { bounds, counts, sum, exemplars = [], native } = value;
  const { escaping } = options;
  writer.uint(1, counts.at(-1) ?? 0);
  writer.double(2, sum);
  [...bounds, Infinity].forEach((bound, i) =>
    writer.message(3, () => {
      writer.uint(1, counts[i] ?? 0);
      writer.double(2, bound);
      writeExemplar(writer, 3, exemplars[i], escaping);
    }),
  );
  if (!options.native || native === undefined) return;
  writeNative(writer, native);
  for (const exemplar of exemplars) writeExemplar(writer, 16, exemplar, escaping);
}

function writeNative(writer: ProtobufWriter, native: NativeHistogram): void {
  const { schema, zeroThreshold, zeroCount, positive, negative } = native;
  writer.sint(5, schema);
  writer.double(6, zeroThreshold);
  writer.uint(7, zeroCount);
  writeBuckets(writer, negative, { spans: 9, deltas: 10 });
  writeBuckets(writer, positive, { spans: 12, deltas: 13 });
  // an empty span marks a native histogram without observations
  if (positive.spans.length + negative.spans.length + zeroCount === 0) {
    writer.message(12, () => writeSpan(writer, { offset: 0, length: 0 }));
  }
}

function writeBuckets(
  writer: ProtobufWriter,
  { spans, deltas }: NativeBuckets,
  fields: { readonly spans: number; readonly deltas: number },
): void {
  for (const span of spans) writer.message(fields.spans, () => writeSpan(writer, span));
  writer.sints(fields.deltas, deltas);
}

function writeSpan(writer: ProtobufWriter, { offset, length }: NativeBuckets['spans'][number]): void {
  writer.sint(1, offset);
  writer.uint(2, length);
}

function writeExemplar(
  writer: ProtobufWriter,
  field: number,
  exemplar: Exemplar | undefined,
  escaping: Escaping,
): void {
  if (exemplar === undefined || !fitsExemplar(exemplar)) return;
  const { labels, value, timestampMs } = exemplar;
  const seconds = Math.floor(timestampMs / 1_000);
  writer.message(field, () => {
    writeLabels(writer, labels, escaping);
    writer.double(2, value);
    writer.message(3, () => {
      writer.uint(1, seconds);
      writer.uint(2, Math.round((timestampMs - seconds * 1_000) * 1e6));
    });
  });
}
