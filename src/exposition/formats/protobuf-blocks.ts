import type { BlockState, Series } from '../table/block.ts';
import { escapeFamily, type Escaping } from '../table/name-escaping.ts';
import { ProtobufWriter } from './protobuf-encoder.ts';
import {
  METRIC_TYPE,
  VALUE_FIELD,
  writeCompound,
  writeLabels,
  type CompoundOptions,
} from './protobuf-metrics.ts';
import { bufferFor, type BlockWriter, type BlockBuffer, type RenderedBlock } from '../render/block-cache.ts';
import type { FamilySnapshot } from '../table/series-table.ts';
import { unitOf } from './units.ts';

const METRIC_FIELD = 4;
const DOUBLE_BYTES = 8;

/**
 * Writes blocks as `Metric` messages of `io.prometheus.client.MetricFamily`. A plain number has a fixed place in its
 * message; a histogram or summary that changed is encoded again.
 */
export class ProtobufBlockWriter implements BlockWriter {
  readonly #options: CompoundOptions;
  readonly #writer = new ProtobufWriter(128 * 1_024);

  constructor(options: CompoundOptions) {
    this.#options = options;
  }

  write(state: BlockState, last: RenderedBlock | undefined, spare: BlockBuffer | undefined): RenderedBlock {
    const same = last?.state.series === state.series ? last : undefined;
    if (state.compounds.length > 0) return this.#writeCompounds(state, same, spare);
    return same === undefined ? this.#writeNumbers(state) : patchNumbers(state, same, spare);
  }

  endOf({ buffer }: RenderedBlock, index: number): number {
    return index < 0 ? 0 : (buffer.ends[index] ?? 0);
  }

  #writeNumbers(state: BlockState): RenderedBlock {
    const { family, series, values, lines } = state;
    const writer = this.#writer;
    const ends = new Uint32Array(lines);
    const starts = new Uint32Array(lines);
    writer.clear();
    series.forEach(({ labels }, i) => {
      writer.message(METRIC_FIELD, () => {
        writeLabels(writer, labels, this.#options.escaping);
        writer.message(VALUE_FIELD[family.type], () => writer.double(1, values[i] ?? 0));
      });
      ends[i] = writer.length;
      starts[i] = writer.length - DOUBLE_BYTES;
    });
    return { state, buffer: { bytes: writer.finish(), starts, ends }, length: writer.length };
  }

  /** Copies what did not change. */
  #writeCompounds(
    state: BlockState,
    last: RenderedBlock | undefined,
    spare: BlockBuffer | undefined,
  ): RenderedBlock {
    const { series, compounds } = state;
    const writer = this.#writer;
    const [starts, ends] = [new Uint32Array(series.length), new Uint32Array(series.length)];
    writer.clear();
    series.forEach((one, i) => {
      starts[i] = writer.length;
      if (last !== undefined && last.state.compounds[i] === compounds[i]) {
        writer.raw(last.buffer.bytes.subarray(last.buffer.starts[i], last.buffer.ends[i]));
      } else {
        this.#writeCompound(one, compounds[i]);
      }
      ends[i] = writer.length;
    });
    const { bytes } = bufferFor(spare, writer.length, 0);
    return { state, buffer: { bytes: writer.copyTo(bytes), starts, ends }, length: writer.length };
  }

  #writeCompound({ labels }: Series, value: BlockState['compounds'][number] | undefined): void {
    const writer = this.#writer;
    writer.message(METRIC_FIELD, () => {
      writeLabels(writer, labels, this.#options.escaping);
      if (value !== undefined) writeCompound(writer, value, this.#options);
    });
  }
}

function patchNumbers(state: BlockState, last: RenderedBlock, spare: BlockBuffer | undefined): RenderedBlock {
  const { values, lines } = state;
  const { bytes } = bufferFor(spare, last.length, 0);
  const { starts, ends } = last.buffer;
  last.buffer.bytes.copy(bytes, 0, 0, last.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const before = last.state.values;
  for (let i = 0; i < lines; i += 1) {
    const value = values[i] ?? 0;
    if (!Object.is(value, before[i])) view.setFloat64(starts[i] ?? 0, value, true);
  }
  return { state, buffer: { bytes, starts, ends }, length: last.length };
}

/** The beginning of a `MetricFamily` message with its length: all but its metrics, which follow. */
export function familyHeader({ family }: FamilySnapshot, metricBytes: number, escaping: Escaping): Buffer {
  const { name, help, type } = family;
  const fields = new ProtobufWriter(256);
  fields.text(1, escapeFamily(name, escaping));
  fields.text(2, help);
  fields.uint(3, METRIC_TYPE[type]);
  const unit = unitOf(type === 'counter' ? name.replace(/_total$/, '') : name);
  if (unit !== undefined) fields.text(5, unit);
  const whole = new ProtobufWriter(256);
  whole.varint(fields.length + metricBytes);
  whole.raw(fields.finish());
  return whole.finish();
}
