const PAGE = 4_096;

interface Page {
  readonly bytes: Uint8Array;
  /** Number of bytes that are not 0. */
  used: number;
}

/**
 * A byte for each of many ids that are assigned consecutively: a Map would take thirty times the memory, and block the
 * thread whenever it grows.
 */
export class ByteMap {
  readonly #pages = new Map<number, Page>();

  /** @returns 0 if nothing was set */
  get(id: number): number {
    return this.#pages.get(Math.floor(id / PAGE))?.bytes[id % PAGE] ?? 0;
  }

  /** @param byte from 0, which deletes the entry, to 255 */
  set(id: number, byte: number): void {
    const number = Math.floor(id / PAGE);
    const page = this.#pages.get(number) ?? this.#add(number);
    const at = id % PAGE;
    page.used += (byte === 0 ? 0 : 1) - (page.bytes[at] === 0 ? 0 : 1);
    page.bytes[at] = byte;
    if (page.used === 0) this.#pages.delete(number);
  }

  clear(): void {
    this.#pages.clear();
  }

  #add(number: number): Page {
    const page = { bytes: new Uint8Array(PAGE), used: 0 };
    this.#pages.set(number, page);
    return page;
  }
}
