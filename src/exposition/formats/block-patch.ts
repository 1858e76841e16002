import type { BlockBuffer } from '../render/block-cache.ts';

/** Longer runs are copied by `Buffer.copy`, whose calls cost more to begin. */
const SHORT_RUN = 320;

/** Copies the unchanged parts of one rendering into another; the changed parts are written by the caller. */
export class BlockPatch {
  readonly #from: Buffer;
  readonly #to: Buffer;
  readonly #fromView: DataView;
  readonly #toView: DataView;

  constructor(from: BlockBuffer, to: BlockBuffer) {
    this.#from = from.bytes;
    this.#to = to.bytes;
    this.#fromView = viewOf(from.bytes);
    this.#toView = viewOf(to.bytes);
  }

  /**
   * Copies text. Eight bytes go at a time, as doubles, which keep any bytes that UTF-8 has (a NaN begins with 0x7F or
   * 0xFF after a byte from 0xF0 on: no text holds those).
   * @param start offset in the old rendering
   * @param end end offset in the old rendering
   * @param at offset in the new rendering
   */
  text(start: number, end: number, at: number): void {
    if (end - start > SHORT_RUN) {
      this.#from.copy(this.#to, at, start, end);
      return;
    }
    let from = start;
    let to = at;
    for (const last = end - 8; from <= last; from += 8, to += 8) {
      this.#toView.setFloat64(to, this.#fromView.getFloat64(from, true), true);
    }
    for (; from < end; from += 1, to += 1) this.#to[to] = this.#from[from] ?? 0;
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
