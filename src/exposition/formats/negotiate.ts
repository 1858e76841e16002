import type { FormatChoice, FormatName } from './formats.ts';
import { ESCAPINGS, type Escaping } from '../table/name-escaping.ts';

export type Encoding = 'identity' | 'gzip';

/** How an exposition is written, with the answer's `Content-Type` and `Content-Encoding`. */
export interface Negotiated {
  readonly format: FormatChoice;
  readonly contentType: string;
  readonly encoding: Encoding;
}

/** One element of an `Accept…` header: everything in lower case, `q` from 0 to 1. */
interface Preference {
  readonly name: string;
  readonly params: ReadonlyMap<string, string>;
  readonly q: number;
}

interface Offer {
  readonly format: FormatName;
  readonly contentType: string;
  readonly accepts: (preference: Preference) => boolean;
}

const FALLBACK: Offer = {
  format: 'text',
  contentType: 'text/plain; version=0.0.4; charset=utf-8',
  accepts: ({ name, params }) =>
    name === '*/*' || name === 'text/*' || (name === 'text/plain' && isVersion(params, '0.0.4', '0.0.4')),
};

/** What can be offered; a scraper's order decides, not this one. */
const OFFERS: readonly Offer[] = [
  FALLBACK,
  {
    format: 'text',
    contentType: 'text/plain; version=1.0.0; charset=utf-8',
    accepts: ({ name, params }) => name === 'text/plain' && isVersion(params, '1.0.0', '0.0.4'),
  },
  {
    format: 'openmetrics',
    contentType: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
    accepts: ({ name, params }) =>
      name === 'application/openmetrics-text' && isVersion(params, '1.0.0', '0.0.1'),
  },
  {
    format: 'openmetrics',
    contentType: 'application/openmetrics-text; version=0.0.1; charset=utf-8',
    accepts: ({ name, params }) =>
      name === 'application/openmetrics-text' && isVersion(params, '0.0.1', '0.0.1'),
  },
  {
    format: 'protobuf',
    contentType:
      'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited',
    accepts: ({ name, params }) =>
      name === 'application/vnd.google.protobuf' &&
      params.get('proto') === 'io.prometheus.client.metricfamily' &&
      params.get('encoding') === 'delimited',
  },
];

/**
 * Chooses format and encoding from what a scraper accepts, as client_golang does. Tolerant of what real scrapers send
 * (repeated and unknown parameters, `q=2`), and never refuses: without an acceptable format the answer is text 0.0.4,
 * without gzip in `Accept-Encoding` it is not compressed. The escaping is the last one requested, and is returned.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-12.5
 * @see https://prometheus.io/docs/instrumenting/content_negotiation/
 */
export function negotiate(accept: string | undefined, acceptEncoding: string | undefined): Negotiated {
  const { offer, escaping } = chooseFormat(accept ?? '');
  return {
    format: { name: offer.format, escaping: escaping ?? 'underscores' },
    contentType: offer.contentType + (escaping === undefined ? '' : `; escaping=${escaping}`),
    encoding: chooseEncoding(acceptEncoding ?? ''),
  };
}

function chooseFormat(accept: string): { readonly offer: Offer; readonly escaping: Escaping | undefined } {
  const preferences = parsePreferences(accept).filter(({ q }) => q > 0);
  preferences.sort((a, b) => b.q - a.q);
  let escaping: Escaping | undefined;
  for (const preference of preferences) {
    escaping = ESCAPINGS.find((known) => known === preference.params.get('escaping')) ?? escaping;
    const offer = OFFERS.find(({ accepts }) => accepts(preference));
    if (offer !== undefined) return { offer, escaping };
  }
  return { offer: FALLBACK, escaping };
}

/** @param unnamed the version assumed where none is given */
function isVersion(params: ReadonlyMap<string, string>, version: string, unnamed: string): boolean {
  return (params.get('version') ?? unnamed) === version;
}
function chooseEncoding(acceptEncoding: string): Encoding {
  const preferences = parsePreferences(acceptEncoding);
  const gzip = preferences.find(({ name }) => name === 'gzip' || name === 'x-gzip')?.q ?? 0;
  const identity = preferences.find(({ name }) => name === 'identity')?.q ?? 0;
  return gzip > 0 && gzip >= identity ? 'gzip' : 'identity';
}

function parsePreferences(header: string): Preference[] {
  const preferences: Preference[] = [];
  for (const element of header.split(',')) {
    const [name = '', ...rest] = element.split(';').map((part) => part.trim().toLowerCase());
    if (name === '') continue;
    const params = new Map(rest.map(parseParameter));
    preferences.push({ name, params, q: parseWeight(name, params.get('q')) });
  }
  return preferences;
}

function parseParameter(text: string): [string, string] {
  const [name = '', ...value] = text.split('=');
  return [
    name.trim(),
    value
      .join('=')
      .trim()
      .replace(/^"(.*)"$/, '$1'),
  ];
}

/** An invalid weight counts as 0 for a wildcard (Prometheus 2.49.0 sends `*\/*;q=2`), else as the nearest valid one. */
function parseWeight(name: string, text: string | undefined): number {
  if (text === undefined) return 1;
  const q = /^\d*\.?\d+$|^\d+\.$/.test(text) ? Number(text) : Number.NaN;
  if (q >= 0 && q <= 1) return q;
  if (name.includes('*') || Number.isNaN(q)) return 0;
  return 1;
}
