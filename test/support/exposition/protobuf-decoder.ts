/** A field of a message: its number and type on the wire, and its value. */
type Field = { readonly field: number } & (
  | { readonly wire: 0; readonly value: bigint }
  | { readonly wire: 1; readonly value: number }
  | { readonly wire: 2; readonly value: Buffer }
);

export interface DecodedSpan {
  readonly offset: number;
  readonly length: number;
}

export interface DecodedNative {
  readonly schema: number;
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly positive: { readonly spans: readonly DecodedSpan[]; readonly deltas: readonly number[] };
  readonly negative: { readonly spans: readonly DecodedSpan[]; readonly deltas: readonly number[] };
}

export interface DecodedExemplar {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Seconds since the epoch. */
  readonly timestamp: number;
}

export interface DecodedMetric {
  readonly labels: Readonly<Record<string, string>>;
  /** Value of a gauge, a counter or an untyped metric. */
  readonly value?: number;
  /** Sum and count of a histogram or a summary. */
  readonly sum?: number;
  readonly count?: number;
  /** Upper bounds with cumulative counts, or quantiles with values. */
  readonly points?: readonly (readonly [at: number, value: number])[];
  readonly exemplars?: readonly (DecodedExemplar | undefined)[];
  readonly native?: DecodedNative;
}

export interface DecodedFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly unit?: string;
  readonly metrics: readonly DecodedMetric[];
}

const TYPES = ['counter', 'gauge', 'summary', 'untyped', 'histogram'];
const VALUE_FIELDS: Readonly<Record<string, number>> = {
  gauge: 2,
  counter: 3,
  summary: 4,
  untyped: 5,
  histogram: 7,
};

/** Reads delimited `io.prometheus.client.MetricFamily` messages, strictly. @throws Error for invalid ones */
export function decodeFamilies(bytes: Buffer): DecodedFamily[] {
  const families: DecodedFamily[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = readVarint(bytes, at);
    const end = length.next + Number(length.value);
    if (end > bytes.length) throw new Error(`a message ends at ${end}, beyond ${bytes.length}`);
    families.push(decodeFamily(bytes.subarray(length.next, end)));
    at = end;
  }
  return families;
}

function decodeFamily(bytes: Buffer): DecodedFamily {
  const fields = readFields(bytes);
  const type = TYPES[Number(integer(fields, 3) ?? 0n)] ?? 'another';
  const unit = text(fields, 5);
  return {
    name: text(fields, 1) ?? '',
    help: text(fields, 2) ?? '',
    type,
    ...(unit !== undefined && { unit }),
    metrics: messages(fields, 4).map((metric) => decodeMetric(readFields(metric), type)),
  };
}

function decodeMetric(fields: readonly Field[], type: string): DecodedMetric {
  const labels = decodeLabels(fields);
  const [value] = messages(fields, VALUE_FIELDS[type] ?? 0);
  if (value === undefined) throw new Error(`a metric without a ${type}`);
  const inner = readFields(value);
  if (type !== 'histogram' && type !== 'summary') return { labels, value: double(inner, 1) ?? Number.NaN };
  const points = messages(inner, 3).map(readFields);
  const shared = { labels, count: Number(integer(inner, 1)), sum: double(inner, 2) ?? Number.NaN };
  if (type === 'summary') {
    return { ...shared, points: points.map((point) => [double(point, 1) ?? 0, double(point, 2) ?? 0]) };
  }
  const native = decodeNative(inner);
  return {
    ...shared,
    points: points.map((point) => [double(point, 2) ?? 0, Number(integer(point, 1))]),
    exemplars: points.map((point) => messages(point, 3).map(decodeExemplar)[0]),
    ...(native !== undefined && { native }),
  };
}

function decodeNative(fields: readonly Field[]): DecodedNative | undefined {
  const schema = integer(fields, 5);
  if (schema === undefined) return undefined;
  const buckets = (spans: number, deltas: number) => ({
    spans: messages(fields, spans).map((span) => {
      const inner = readFields(span);
      return { offset: signed(integer(inner, 1) ?? 0n), length: Number(integer(inner, 2) ?? 0n) };
    }),
    deltas: messages(fields, deltas).flatMap(packed),
  });
  return {
    schema: signed(schema),
    zeroThreshold: double(fields, 6) ?? 0,
    zeroCount: Number(integer(fields, 7)),
    positive: buckets(12, 13),
    negative: buckets(9, 10),
  };
}

function decodeExemplar(bytes: Buffer): DecodedExemplar {
  const fields = readFields(bytes);
  const [at = Buffer.alloc(0)] = messages(fields, 3);
  const time = readFields(at);
  const seconds = Number(integer(time, 1) ?? 0n) + Number(integer(time, 2) ?? 0n) / 1e9;
  return { labels: decodeLabels(fields), value: double(fields, 2) ?? Number.NaN, timestamp: seconds };
}

function decodeLabels(fields: readonly Field[]): Record<string, string> {
  const labels = Object.create(null) as Record<string, string>;
  for (const pair of messages(fields, 1).map(readFields)) {
    const name = text(pair, 1) ?? '';
    if (name === '' || name in labels) throw new Error(`label ${name} has no name, or comes twice`);
    labels[name] = text(pair, 2) ?? '';
  }
  return labels;
}

function packed(bytes: Buffer): number[] {
  const numbers: number[] = [];
  for (let at = 0; at < bytes.length;) {
    const { value, next } = readVarint(bytes, at);
    numbers.push(signed(value));
    at = next;
  }
  return numbers;
}

function signed(value: bigint): number {
  return Number((value >> 1n) ^ -(value & 1n));
}

function messages(fields: readonly Field[], field: number): Buffer[] {
  return fields.flatMap((one) => {
    if (one.field !== field) return [];
    if (one.wire !== 2) throw new Error(`field ${field} is of wire type ${one.wire}`);
    return [one.value];
  });
}

function text(fields: readonly Field[], field: number): string | undefined {
  const bytes = messages(fields, field).at(-1);
  return bytes && new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
}

function double(fields: readonly Field[], field: number): number | undefined {
  const found = fields.find((one) => one.field === field);
  if (found === undefined) return undefined;
  if (found.wire !== 1) throw new Error(`field ${field} is of wire type ${found.wire}`);
  return found.value;
}

function integer(fields: readonly Field[], field: number): bigint | undefined {
  const found = fields.find((one) => one.field === field);
  if (found === undefined) return undefined;
  if (found.wire !== 0) throw new Error(`field ${field} is of wire type ${found.wire}`);
  return found.value;
}

function readFields(bytes: Buffer): Field[] {
  const fields: Field[] = [];
  for (let at = 0; at < bytes.length;) {
    const tag = readVarint(bytes, at);
    const field = Number(tag.value >> 3n);
    const wire = Number(tag.value & 7n);
    at = tag.next;
    if (wire === 0) {
      const { value, next } = readVarint(bytes, at);
      fields.push({ field, wire, value });
      at = next;
    } else if (wire === 1) {
      fields.push({ field, wire, value: bytes.readDoubleLE(at) });
      at += 8;
    } else if (wire === 2) {
      const length = readVarint(bytes, at);
      at = length.next + Number(length.value);
      if (at > bytes.length) throw new Error(`field ${field} ends beyond its message`);
      fields.push({ field, wire, value: bytes.subarray(length.next, at) });
    } else {
      throw new Error(`wire type ${wire}`);
    }
  }
  return fields;
}

function readVarint(bytes: Buffer, at: number): { readonly value: bigint; readonly next: number } {
  let value = 0n;
  for (let i = 0; i < 10; i += 1) {
    const byte = bytes[at + i];
    if (byte === undefined) throw new Error('a varint ends beyond its message');
    value |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) return { value, next: at + i + 1 };
  }
  throw new Error('a varint of more than ten bytes');
}
