import type { Sample } from '../../metrics/family.ts';
import { sample } from '../../metrics/family.ts';
import { headerValue } from './http1/head.ts';
import type { HttpResponse } from './response.ts';
import type { Body } from './body.ts';
import { BODY_LENGTH, CONTENT_LENGTH, LAST_MODIFIED, STATUS_CODE, VERSION } from './families.ts';

/** The samples of an answer's head and of the length of its body. */
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

/** The current form and two obsolete ones; day, month, year, time by name. */
const HTTP_DATES = [
  /^[A-Z][a-z]{2}, (?<day>\d{2}) (?<month>[A-Z][a-z]{2}) (?<year>\d{4}) (?<time>\d{2}:\d{2}:\d{2}) GMT$/,
  /^[A-Z][a-z]+day, (?<day>\d{2})-(?<month>[A-Z][a-z]{2})-(?<year>\d{2}) (?<time>\d{2}:\d{2}:\d{2}) GMT$/,
  /^[A-Z][a-z]{2} (?<month>[A-Z][a-z]{2}) (?<day>[ \d]\d) (?<time>\d{2}:\d{2}:\d{2}) (?<year>\d{4})$/,
];

/**
 * Seconds since the epoch of an HTTP date, in any of its three forms.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7
 */
export function parseHttpDate(text = ''): number | undefined {
  const parts = HTTP_DATES.map((form) => form.exec(text)?.groups).find((groups) => groups !== undefined);
  if (parts === undefined) return undefined;
  const { day = '', month = '', year = '', time = '' } = parts;
  const milliseconds = Date.parse(`${day.trim().padStart(2, '0')} ${month} ${fullYear(year)} ${time} GMT`);
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 1_000;
}

/** Two digits mean 1969 to 2068, as in Go. */
function fullYear(year: string): string {
  if (year.length === 4) return year;
  return Number(year) >= 69 ? `19${year}` : `20${year}`;
}
