import type { BlockState } from './block.ts';
import { formatValue, LONGEST_NUMBER, NumberWriter } from './number-writer.ts';
import { Patch } from './patch.ts';
import { roomFor, type BlockWriter, type Memory, type Rendered } from './rendered.ts';
import { exemplarSuffix, linePrefixes, type TextDialect } from './text-lines.ts';

const NEWLINE = 1;

/**
 * Writes blocks as lines of a text format. What changes are the numbers (and exemplars): where the same series were
 * written before, everything between two changed numbers is copied in one go.
 */
export class TextWriter implements BlockWriter {
  readonly #dialect: TextDialect;
  readonly #numbers = new NumberWriter();

  constructor(dialect: TextDialect) {
    this.#dialect = dialect;
  }

  write(state: BlockState, last: Rendered | undefined, spare: Memory | undefined): Rendered {
    const suffixes = this.#suffixes(state);
    if (last?.state.series !== state.series) return this.#writeAll(state, suffixes);
    const longer = (suffixes ?? []).reduce((sum, suffix) => sum + Buffer.byteLength(suffix), 0);
    const memory = roomFor(spare, last.length + state.lines * LONGEST_NUMBER + longer, state.lines);
    const written = { state, memory, length: 0, ...(suffixes !== undefined && { suffixes }) };
    return { ...written, length: this.#patch(last, written) };
  }

  endOf({ state, memory }: Rendered, index: number): number {
    if (index < 0) return 0;
    let lines = 0;
    for (const series of state.series.slice(0, index + 1)) lines += series.lines;
    return (memory.ends[lines - 1] ?? 0) + NEWLINE;
  }

  #writeAll(state: BlockState, suffixes: readonly string[] | undefined): Rendered {
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
    const memory = { bytes: Buffer.from(text, 'utf8'), starts, ends };
    return { state, memory, length: bytes, ...(suffixes !== undefined && { suffixes }) };
  }

  /** @returns how many bytes it became */
  #patch(last: Rendered, { state, memory, suffixes }: Rendered): number {
    const { values, lines } = state;
    const before = last.state.values;
    const { starts, ends, bytes } = memory;
    const patch = new Patch(last.memory, memory);
    let copied = 0;
    let at = 0;
    for (let i = 0; i < lines; i += 1) {
      const start = last.memory.starts[i] ?? 0;
      const end = last.memory.ends[i] ?? 0;
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

  /** For each line its exemplar, where the format knows them and there are some. */
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
