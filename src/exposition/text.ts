import { formatValue, type ValueInput } from './series.ts';
import type { TableSnapshot } from './table.ts';

export const TEXT_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** No chunk is larger: a socket takes it in few steps, and a client that left is noticed soon. */
export const CHUNK_BYTES = 64 * 1024;

const FLUSH_CHARACTERS = CHUNK_BYTES - 2048;

/**
 * Renders a snapshot in Prometheus's text format 0.0.4, piece by piece: each is at most 64 KiB and costs well under a millisecond.
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */
export function* renderText(snapshot: TableSnapshot): Generator<Buffer> {
  let text = '';
  for (const { header, prefixes, values } of snapshot) {
    text += header;
    for (let i = 0; i < prefixes.length; i += 1) {
      const value = values[i];
      const lines = prefixes[i];
      if (value !== undefined && lines !== undefined) text += seriesText(lines, value);
      if (text.length >= FLUSH_CHARACTERS) {
        yield* toChunks(text);
        text = '';
      }
    }
  }
  if (text !== '') yield* toChunks(text);
}

/** Cuts text into Buffers of at most 64 KiB. */
export function* toChunks(text: string): Generator<Buffer> {
  const bytes = Buffer.from(text, 'utf8');
  for (let from = 0; from < bytes.length; from += CHUNK_BYTES) yield bytes.subarray(from, from + CHUNK_BYTES);
}

function seriesText(prefixes: readonly string[], value: ValueInput): string {
  if (typeof value === 'number') return `${prefixes[0] ?? ''}${formatValue(value)}\n`;
  const numbers = [...value.counts, value.sum, value.counts.at(-1) ?? 0];
  let text = '';
  for (let i = 0; i < prefixes.length; i += 1)
    text += `${prefixes[i] ?? ''}${formatValue(numbers[i] ?? 0)}\n`;
  return text;
}
