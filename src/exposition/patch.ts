import type { Memory } from './rendered.ts';

/** Longer runs are copied by the machine's own means, which cost more to begin. */
const SHORT_RUN = 320;

/** Copies one rendering into another, piece by piece, where what changed is left out and written anew. */
export class Patch {
  readonly #from: Buffer;
  readonly #to: Buffer;
  readonly #fromView: DataView;
  readonly #toView: DataView;

  constructor(from: Memory, to: Memory) {
    this.#from = from.bytes;
    this.#to = to.bytes;
    this.#fromView = viewOf(from.bytes);
    this.#toView = viewOf(to.bytes);
  }

  /**
   * Copies text. Eight bytes go at a time, as doubles, which keep any bytes that UTF-8 has (a NaN begins with 0x7F or
   * 0xFF after a byte from 0xF0 on: no text holds those).
   * @param start where it begins in the old rendering
   * @param end where it ends there
   * @param at where it goes in the new one
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
