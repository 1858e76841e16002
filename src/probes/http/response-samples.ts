import type { IncomingMessage } from 'node:http';
import type { Sample } from '../../metrics/family.ts';
import { sample } from '../../metrics/family.ts';
import type { Body } from './body.ts';
import { BODY_LENGTH, CONTENT_LENGTH, LAST_MODIFIED, STATUS_CODE, VERSION } from './families.ts';

/** What an answer tells by its head and the length of its body. */
export function responseSamples(response: IncomingMessage, body: Body | undefined): readonly Sample[] {
  const status = response.statusCode ?? 0;
  const contentLength = contentLengthOf(status, response.headers);
  const lastModified = parseHttpDate(response.headers['last-modified']);
  return [
    sample(STATUS_CODE, status),
    sample(VERSION, Number(response.httpVersion)),
    ...(contentLength === undefined ? [] : [sample(CONTENT_LENGTH, contentLength)]),
    ...(body === undefined ? [] : [sample(BODY_LENGTH, body.length)]),
    ...(lastModified === undefined ? [] : [sample(LAST_MODIFIED, lastModified)]),
  ];
}

/** The length that an answer announces; undefined when it announces none (blackbox_exporter: -1). */
function contentLengthOf(status: number, headers: IncomingMessage['headers']): number | undefined {
  if (headers['transfer-encoding'] !== undefined) return undefined;
  const given = headers['content-length'];
  if (given !== undefined) return /^\d{1,15}$/.test(given) ? Number(given) : undefined;
  return status < 200 || status === 204 || status === 304 ? 0 : undefined;
}

/**
 * Seconds since the epoch of an HTTP date, in the one form that senders may use.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7 (IMF-fixdate)
 */
export function parseHttpDate(text: string | undefined): number | undefined {
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text ?? '')) return undefined;
  const milliseconds = Date.parse(text ?? '');
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 1_000;
}
