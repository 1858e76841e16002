import { ChunkReader } from './chunk-reader.ts';
import type { Framing } from './framing.ts';

/** Finds the end of a body in the bytes of a connection. */
export class BodyDecoder {
  readonly #chunks: ChunkReader | undefined;
  /** Bytes still to come; not counted where chunks or the end of the connection mark the end. */
  #left: number;
  #ended: boolean;

  constructor(framing: Framing) {
    this.#chunks = framing === 'chunked' ? new ChunkReader() : undefined;
    this.#left = typeof framing === 'number' ? framing : Infinity;
    this.#ended = framing === 0;
  }

  /** Whether the body is complete. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Reads received bytes, and hands over the content among them. Bytes after the body are ignored.
   * @returns whether the body is complete
   * @throws ProbeFailure `protocol` for invalid chunks
   */
  push(bytes: Buffer, onContent: (content: Buffer) => void): boolean {
    if (this.#ended) return false;
    if (this.#chunks !== undefined) {
      this.#ended = this.#chunks.push(bytes, onContent);
      return this.#ended;
    }
    const content = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes;
    this.#left -= content.length;
    this.#ended = this.#left === 0;
    if (content.length > 0) onContent(content);
    return this.#ended;
  }

  /**
   * The server has ended its side.
   * @returns whether the body is complete
   */
  close(): boolean {
    const complete = this.#ended || (this.#chunks === undefined && this.#left === Infinity);
    this.#ended ||= complete;
    return complete;
  }
}
