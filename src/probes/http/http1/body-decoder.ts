import { ChunkReader } from './chunk-reader.ts';
import type { Framing } from './framing.ts';

/** Finds the end of a body in what comes over a connection. */
export class BodyDecoder {
  readonly #chunks: ChunkReader | undefined;
  /** Bytes that are still to come; none are counted where chunks or the connection tell the end. */
  #left: number;
  #ended: boolean;

  constructor(framing: Framing) {
    this.#chunks = framing === 'chunked' ? new ChunkReader() : undefined;
    this.#left = typeof framing === 'number' ? framing : Infinity;
    this.#ended = framing === 0;
  }

  /** Whether all has come. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Takes in what came, and hands over what of it is the body's. What follows the body is of no interest.
   * @returns whether this was the last of it
   * @throws ProbeFailure `protocol` for what are not chunks
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

  /** The server has said all that it wants to. @returns whether that was all of the body */
  close(): boolean {
    const complete = this.#ended || (this.#chunks === undefined && this.#left === Infinity);
    this.#ended ||= complete;
    return complete;
  }
}
