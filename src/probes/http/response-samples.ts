import type { Sample } from '../../metrics/family.ts';
import { sample } from '../../metrics/family.ts';
import { headerValue } from './http1/head.ts';
import type { HttpResponse } from './response.ts';
import type { Body } from './body.ts';
import { BODY_LENGTH, CONTENT_LENGTH, LAST_MODIFIED, STATUS_CODE, VERSION } from './families.ts';

/** What an answer tells by its head and the length of its body. */
export function responseSamples(response: HttpResponse, body: Body | undefined): readonly Sample[] {
  const { status, version, announcedLength } = response;
  const lastModified = parseHttpDate(headerValue(response.headers, 'last-modified'));
  return [
    sample(STATUS_CODE, status),
    sample(VERSION, Number(version)),
    ...(announcedLength === undefined ? [] : [sample(CONTENT_LENGTH, announcedLength)]),
    ...(body === undefined ? [] : [sample(BODY_LENGTH, body.length)]),
    ...(lastModified === undefined ? [] : [sample(LAST_MODIFIED, lastModified)]),
  ];
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
