/** Bodies up to this size use a plain buffer, which is cheaper; the garbage collector frees it. */
export const SMALL_BYTES = 64 * 1024;

/**
 * The bytes of a body, in one buffer that grows in place: nothing is copied while it grows, only pages that were written
 * are resident, and `free` frees the memory at once. The memory of a plain buffer is held until the next garbage
 * collection of the whole heap, and many abandoned uploads would add up until then.
 */
export class GrowingBody {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  /** @param expected the size in bytes, where it is known and trusted; else 0 */
  constructor(expected: number) {
    this.#bytes = ofSize(expected, expected);
  }

  get length(): number {
    return this.#length;
  }

  /** @param limit the most bytes that the body may have; only their addresses are reserved */
  append(chunk: Uint8Array, limit: number): void {
    const end = this.#length + chunk.byteLength;
    if (end > this.#bytes.byteLength) this.#grow(end, limit);
    this.#bytes.set(chunk, this.#length);
    this.#length = end;
  }

  /** The body, in a buffer of exactly its size. */
  finish(): Uint8Array<ArrayBuffer> {
    const { buffer } = this.#bytes;
    if (buffer.resizable) buffer.resize(this.#length);
    else if (this.#length < buffer.byteLength) this.#bytes = this.#bytes.slice(0, this.#length);
    return this.#bytes;
  }

  free(): void {
    const { buffer } = this.#bytes;
    // the buffer is empty where it was transferred to another thread
    if (buffer.resizable && buffer.byteLength > 0) buffer.resize(0);
  }

  #grow(end: number, limit: number): void {
    const { buffer } = this.#bytes;
    const size = Math.min(limit, Math.max(end, buffer.byteLength * 2, SMALL_BYTES));
    if (size <= buffer.maxByteLength) {
      buffer.resize(size);
      return;
    }
    const old = this.#bytes.subarray(0, this.#length);
    this.#bytes = ofSize(size, limit);
    this.#bytes.set(old);
  }
}

function ofSize(size: number, limit: number): Uint8Array<ArrayBuffer> {
  return size <= SMALL_BYTES
    ? new Uint8Array(size)
    : new Uint8Array(new ArrayBuffer(size, { maxByteLength: limit }));
}
