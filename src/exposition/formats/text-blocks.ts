import type { BlockState } from '../table/block.ts';
import { formatValue, LONGEST_NUMBER, NumberWriter } from './number-writer.ts';
import { BlockPatch } from './block-patch.ts';
import { bufferFor, type BlockWriter, type BlockBuffer, type RenderedBlock } from '../render/block-cache.ts';
import { exemplarSuffix, linePrefixes, type TextDialect } from './text-lines.ts';

const NEWLINE = 1;

/**
 * Writes blocks as lines of a text format. Only numbers (and exemplars) change: where the same series were
 * written before, everything between two changed numbers is copied at once.
 */
export class TextWriter implements BlockWriter {
  readonly #dialect: TextDialect;
  readonly #numbers = new NumberWriter();

  constructor(dialect: TextDialect) {
    this.#dialect = dialect;
  }

  write(state: BlockState, last: RenderedBlock | undefined, spare: BlockBuffer | undefined): RenderedBlock {
    const suffixes = this.#suffixes(state);
    if (last?.state.series !== state.series) return this.#writeAll(state, suffixes);
    const longer = (suffixes ?? []).reduce((sum, suffix) => sum + Buffer.byteLength(suffix), 0);
    const buffer = bufferFor(spare, last.length + state.lines * LONGEST_NUMBER + longer, state.lines);
    const written = { state, buffer, length: 0, ...(suffixes !== undefined && { suffixes }) };
    return { ...written, length: this.#patch(last, written) };
  }

  endOf({ state, buffer }: RenderedBlock, index: number): number {
    if (index < 0) return 0;
    let lines = 0;
    for (const series of state.series.slice(0, index + 1)) lines += series.lines;
    return (buffer.ends[lines - 1] ?? 0) + NEWLINE;
  }

  #writeAll(state: BlockState, suffixes: readonly string[] | undefined): RenderedBlock {
    const { family, series, values, lines } = state;
    const starts = new Uint32Array(lines);
    const ends = new Uint32Array(lines);
    let text = '';
    let bytes = 0;
    let line = 0;
    for (const one of series) {
      for (const prefix of linePrefixes(family, one, this.#dialect)) {
        const value = `${formatValue(values[line] ?? 0)}${suffixes?.[line] ?? ''}`;
        starts[line] = bytes + Buffer.byteLength(prefix);
        bytes = (starts[line] ?? 0) + Buffer.byteLength(value);
        ends[line] = bytes;
        bytes += NEWLINE;
        text += `${prefix}${value}\n`;
        line += 1;
      }
    }
    const buffer = { bytes: Buffer.from(text, 'utf8'), starts, ends };
    return { state, buffer, length: bytes, ...(suffixes !== undefined && { suffixes }) };
  }

  /** @returns the length in bytes */
  #patch(last: RenderedBlock, { state, buffer, suffixes }: RenderedBlock): number {
    const { values, lines } = state;
    const before = last.state.values;
    const { starts, ends, bytes } = buffer;
    const patch = new BlockPatch(last.buffer, buffer);
    let copied = 0;
    let at = 0;
    for (let i = 0; i < lines; i += 1) {
      const start = last.buffer.starts[i] ?? 0;
      const end = last.buffer.ends[i] ?? 0;
      const value = values[i] ?? 0;
      if (Object.is(value, before[i]) && suffixes?.[i] === last.suffixes?.[i]) {
        starts[i] = at + start - copied;
        ends[i] = at + end - copied;
        continue;
      }
      patch.text(copied, start, at);
      at += start - copied;
      starts[i] = at;
      at = this.#numbers.write(bytes, at, value);
      const suffix = suffixes?.[i] ?? '';
      if (suffix !== '') at += bytes.write(suffix, at);
      ends[i] = at;
      copied = end;
    }
    patch.text(copied, last.length, at);
    return at + last.length - copied;
  }

  /** The exemplar of each line, where the format has exemplars and there are any. */
  #suffixes({ compounds, lines, series }: BlockState): readonly string[] | undefined {
    const { openMetrics, escaping } = this.#dialect;
    if (!openMetrics || !compounds.some((one) => 'bounds' in one && one.exemplars !== undefined))
      return undefined;
    const suffixes = new Array<string>(lines).fill('');
    let line = 0;
    compounds.forEach((one, i) => {
      const exemplars = 'bounds' in one ? (one.exemplars ?? []) : [];
      exemplars.forEach((exemplar, k) => (suffixes[line + k] = exemplarSuffix(exemplar, escaping)));
      line += series[i]?.lines ?? 0;
    });
    return suffixes;
  }
}
