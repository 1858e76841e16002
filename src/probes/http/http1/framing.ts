import { fail } from '../../net/failure.ts';
import { headerValue, headerValues, type Head } from './head.ts';

/** What marks the end of a body: a number of bytes (0: no body), its chunks, or the end of the connection. */
export type Framing = number | 'chunked' | 'close';

/**
 * How an answer's body ends, and the length that the answer announces (as counted by Go, and so by blackbox_exporter);
 * undefined when it announces none.
 * @throws ProbeFailure `protocol` when its headers contradict each other
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-6.3
 */
export function bodyFraming(
  head: Head,
  method: string,
): { readonly framing: Framing; readonly announced: number | undefined } {
  const chunked = isChunked(head);
  const length = contentLength(head.headers);
  const { status } = head;
  if (method === 'HEAD') return { framing: 0, announced: length };
  if (status < 200 || status === 204 || status === 304) return { framing: 0, announced: 0 };
  if (chunked) return { framing: 'chunked', announced: undefined };
  return { framing: length ?? 'close', announced: length };
}

function isChunked({ headers, version }: Head): boolean {
  const codings = headerValues(headers, 'transfer-encoding');
  // HTTP/1.0 has no transfer codings
  if (codings.length === 0 || Number(version) < 1.1) return false;
  if (codings.length > 1 || codings[0]?.toLowerCase() !== 'chunked')
    throw fail('protocol', 'The answer has a Transfer-Encoding other than chunked');
  return true;
}

function contentLength(headers: readonly string[]): number | undefined {
  const first = headerValue(headers, 'content-length');
  if (first === undefined) return undefined;
  if (headerValues(headers, 'content-length').some((one) => one !== first))
    throw fail('protocol', 'The answer has several values of Content-Length');
  const length = parseLength(first);
  if (length === undefined) throw fail('protocol', 'The Content-Length of the answer is not a number');
  return length;
}

/** A `Content-Length`; undefined when it is invalid. */
export function parseLength(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,18}$/.test(text) ? Number(text) : undefined;
}
