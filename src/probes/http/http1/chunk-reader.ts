import { fail, type ProbeFailure } from '../../net/failure.ts';
import { headEnd, parseFields } from './head.ts';

const LF = 10;
const CR = 13;

/** The most bytes of a chunk-size line, and of all trailers: Go's limit. */
const MAX_LINE_BYTES = 4_096;
/** Bytes besides the content that are tolerated, on top of what chunks of a reasonable size need. */
const MAX_EXCESS = 16 * 1_024;

/**
 * Reads the chunked coding, as strictly as Go's net/http does.
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-7.1
 */
export class ChunkReader {
  /** A line or the trailers, as far as received. */
  #text: Buffer = Buffer.alloc(0);
  #state: 'size' | 'content' | 'after' | 'trailers' = 'size';
  #left = 0;
  #excess = 0;

  /**
   * Reads received bytes, in whatever pieces, and hands over the content among them.
   * @returns whether the end was reached
   * @throws ProbeFailure `protocol`
   */
  push(bytes: Buffer, onContent: (content: Buffer) => void): boolean {
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#state === 'trailers') return this.#trailers(rest);
      if (this.#state === 'content') {
        const content = rest.subarray(0, this.#left);
        rest = rest.subarray(content.length);
        this.#left -= content.length;
        if (this.#left === 0) this.#state = 'after';
        onContent(content);
      } else {
        rest = this.#line(rest);
      }
    }
    return false;
  }

  /** Reads the rest of a line, and returns the bytes after it. */
  #line(bytes: Buffer): Buffer {
    const end = bytes.indexOf(LF);
    const part = end < 0 ? bytes : bytes.subarray(0, end + 1);
    this.#text = this.#text.length === 0 ? part : Buffer.concat([this.#text, part]);
    const longest = this.#state === 'after' ? 2 : MAX_LINE_BYTES;
    if (this.#text.length > longest) throw notChunked();
    if (end < 0) return bytes.subarray(bytes.length);
    const line = this.#text;
    this.#text = Buffer.alloc(0);
    if (line[line.length - 2] !== CR) throw notChunked();
    if (this.#state === 'after') this.#state = 'size';
    else this.#size(line.toString('latin1', 0, line.length - 2));
    return bytes.subarray(end + 1);
  }

  #size(line: string): void {
    const extension = line.indexOf(';');
    const digits = (extension < 0 ? line : line.slice(0, extension)).replace(/[ \t]+$/, '');
    if (!/^[0-9a-f]{1,13}$/i.test(digits)) throw notChunked();
    this.#left = Number.parseInt(digits, 16);
    this.#excess = Math.max(0, this.#excess + line.length + 2 - 16 - 2 * this.#left);
    if (this.#excess > MAX_EXCESS)
      throw fail('protocol', 'The chunks of the body are too small: almost all of the data is overhead');
    this.#state = this.#left === 0 ? 'trailers' : 'content';
  }

  /** Trailers end as a head does; usually only the empty line follows. */
  #trailers(bytes: Buffer): boolean {
    this.#text = Buffer.concat([this.#text, bytes]);
    const [first, second] = this.#text;
    if (first === CR && second === LF) return true;
    const end = headEnd(this.#text, 0);
    if ((end ?? this.#text.length) > MAX_LINE_BYTES) throw notChunked();
    if (end === undefined) return false;
    parseFields(this.#text.toString('latin1', 0, end), 0);
    return true;
  }
}

function notChunked(): ProbeFailure {
  return fail('protocol', 'The body is not chunked as its Transfer-Encoding says');
}
