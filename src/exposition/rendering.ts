import { setImmediate } from 'node:timers/promises';
import { gzip } from './compress.ts';
import type { Encoding } from './negotiate.ts';
import type { TableSnapshot } from './table.ts';
import { renderText, toChunks } from './text.ts';

/** The event loop is given back at least this often, in milliseconds. */
const SLICE_MS = 4;

/** Text of families that another library keeps. */
export type ExtraText = () => Promise<string>;

export interface RenderingOptions {
  readonly monotonic: () => number;
  /** Whether anybody still waits for it; when not, rendering stops half-way with an error. */
  readonly wanted: () => boolean;
  /** Told the seconds that rendering took (waiting for the event loop included). */
  readonly onRendered: (seconds: number) => void;
}

/** A snapshot's bytes: rendered once and compressed once, for whoever asks first; everyone gets the same Buffers. */
export class Rendering {
  readonly #plain: Promise<readonly Buffer[]>;
  #gzip: Promise<readonly Buffer[]> | undefined;

  constructor(snapshot: TableSnapshot, extra: ExtraText, options: RenderingOptions) {
    this.#plain = render(snapshot, extra, options);
  }

  /** @returns chunks of at most 64 KiB */
  chunks(encoding: Encoding): Promise<readonly Buffer[]> {
    if (encoding === 'identity') return this.#plain;
    this.#gzip ??= this.#plain.then((chunks) => (chunks.length === 0 ? chunks : gzip(chunks)));
    return this.#gzip;
  }
}

async function render(
  snapshot: TableSnapshot,
  extra: ExtraText,
  { monotonic, wanted, onRendered }: RenderingOptions,
): Promise<readonly Buffer[]> {
  const start = monotonic();
  let sliceStart = start;
  const chunks: Buffer[] = [];
  for (const chunk of renderText(snapshot)) {
    chunks.push(chunk);
    if (monotonic() - sliceStart < SLICE_MS) continue;
    await setImmediate();
    if (!wanted()) throw new Error('the last who waited for this rendering has gone');
    sliceStart = monotonic();
  }
  chunks.push(...toChunks(await extra()));
  onRendered((monotonic() - start) / 1_000);
  return chunks;
}
