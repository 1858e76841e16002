import { fail, type ProbeFailure } from '../../net/failure.ts';

/** The head of an answer. */
export interface Head {
  readonly status: number;
  /** Such as `1.1`. */
  readonly version: string;
  /** Lower-case names and values, alternating. */
  readonly headers: readonly string[];
}

const LF = 10;
const CR = 13;
const SPACE = 32;
const TAB = 9;

/** The most bytes that an answer may have before its body, interim answers included. */
const MAX_HEAD_BYTES = 256 * 1024;
const BEGINNING = 'HTTP/';

/**
 * Collects the head of an answer, in whatever pieces it arrives. Interim answers (1xx except 101) are skipped.
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-2
 */
export class HeadReader {
  #bytes: Buffer = Buffer.alloc(0);
  /** The part of `bytes` that was already searched. */
  #searched = 0;
  /** Bytes of earlier interim answers. */
  #skipped = 0;

  /**
   * Reads received bytes.
   * @returns the head and the bytes after it; undefined while it is incomplete
   * @throws ProbeFailure `protocol` for bytes that are not HTTP, or a head that is too long
   */
  push(chunk: Buffer): { readonly head: Head; readonly rest: Buffer } | undefined {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    for (;;) {
      const begins = this.#bytes.toString('latin1', 0, BEGINNING.length);
      if (!BEGINNING.startsWith(begins)) throw notHttp('it does not begin with HTTP/');
      const end = headEnd(this.#bytes, this.#searched);
      if (this.#skipped + (end ?? this.#bytes.length) > MAX_HEAD_BYTES)
        throw fail('protocol', 'The header of the answer is larger than 256 KiB');
      if (end === undefined) {
        // the line end before the empty line may be the last byte so far
        this.#searched = Math.max(0, this.#bytes.length - 2);
        return undefined;
      }
      const head = parseHead(this.#bytes.toString('latin1', 0, end));
      const rest = this.#bytes.subarray(end);
      if (!isInterim(head.status)) return { head, rest };
      this.#bytes = rest;
      this.#searched = 0;
      this.#skipped += end;
    }
  }
}

/**
 * HTTP ends after 101.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-15.2
 */
function isInterim(status: number): boolean {
  return status >= 100 && status < 200 && status !== 101;
}

/** The end of the empty line that ends a head; lines may end with a bare LF. */
export function headEnd(bytes: Buffer, from: number): number | undefined {
  for (let at = bytes.indexOf(LF, from); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at + 1] === LF) return at + 2;
    if (bytes[at + 1] === CR && bytes[at + 2] === LF) return at + 3;
  }
  return undefined;
}

/**
 * Parses a head, as strictly as Go's net/http does.
 * @param text Latin-1, up to the end of the empty line
 * @throws ProbeFailure `protocol`
 */
export function parseHead(text: string): Head {
  const lineEnd = text.indexOf('\n');
  const [, version, code] = /^HTTP\/(\d\.\d) +(\d{3})(?: .*)?$/.exec(text.slice(0, lineEnd).trimEnd()) ?? [];
  if (version === undefined) throw notHttp('its first line is not a status line');
  return { status: Number(code), version, headers: parseFields(text, lineEnd + 1) };
}

/**
 * Parses header or trailer fields; a line that begins with white space continues the one before.
 * @throws ProbeFailure `protocol`
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-5
 */
export function parseFields(text: string, from: number): readonly string[] {
  const fields: string[] = [];
  for (let at = from; at < text.length;) {
    const end = text.indexOf('\n', at);
    const stop = end < 0 ? text.length : end;
    const last = text.charCodeAt(stop - 1) === CR && stop > at ? stop - 1 : stop;
    if (last > at) addLine(fields, text.slice(at, last));
    at = stop + 1;
  }
  return fields;
}

function addLine(fields: string[], line: string): void {
  const first = line.charCodeAt(0);
  if (first === SPACE || first === TAB) {
    if (fields.length === 0) throw notHttp('its first header line begins with white space');
    const folded = fieldValue(line);
    fields.push(`${fields.pop() ?? ''} ${folded}`.trim());
    return;
  }
  const colon = line.indexOf(':');
  const name = line.slice(0, Math.max(0, colon));
  if (colon < 0 || !/^[!#$%&'*+\-.^_`|~\w ]*$/.test(name))
    throw notHttp('it has a header line without a name');
  if (name !== '') fields.push(name.toLowerCase(), fieldValue(line.slice(colon + 1)));
}

/** The value without surrounding white space; tabs are the only control characters that it may have. */
function fieldValue(text: string): string {
  if (/[^\t\x20-\x7e\x80-\xff]/.test(text)) throw notHttp('it has control characters in a header');
  return text.replace(/^[ \t]+|[ \t]+$/g, '');
}

function notHttp(why: string): ProbeFailure {
  return fail('protocol', `The answer is not HTTP: ${why}`);
}

/**
 * The first value of a header.
 * @param name in lower case
 */
export function headerValue(headers: readonly string[], name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) return headers[i + 1];
  return undefined;
}

/**
 * All values of a header.
 * @param name in lower case
 */
export function headerValues(headers: readonly string[], name: string): readonly string[] {
  return headers.filter((_value, i) => i % 2 === 1 && headers[i - 1] === name);
}
