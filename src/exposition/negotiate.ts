import { TEXT_CONTENT_TYPE } from './text.ts';

export type Encoding = 'identity' | 'gzip';

/** How an exposition is written: the answer's `Content-Type` and `Content-Encoding`. */
export interface Negotiated {
  readonly contentType: string;
  readonly encoding: Encoding;
}

/** One element of an `Accept…` header: names in lower case, `q` from 0 to 1. */
interface Preference {
  readonly name: string;
  readonly params: ReadonlyMap<string, string>;
  readonly q: number;
}

interface Offer {
  readonly contentType: string;
  readonly accepts: (preference: Preference) => boolean;
}

/** What can be offered, the fallback first. */
const OFFERS: readonly [Offer, ...Offer[]] = [
  {
    contentType: TEXT_CONTENT_TYPE,
    accepts: ({ name, params }) => name === 'text/plain' && (params.get('version') ?? '0.0.4') === '0.0.4',
  },
];

/**
 * Chooses format and encoding from what a scraper accepts. Tolerant of what real scrapers send (repeated and unknown
 * parameters, `q=2`), and never refuses: who accepts nothing of ours gets text 0.0.4, who does not name gzip gets none.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-12.5
 */
export function negotiate(accept: string | undefined, acceptEncoding: string | undefined): Negotiated {
  return { contentType: chooseFormat(accept ?? ''), encoding: chooseEncoding(acceptEncoding ?? '') };
}

function chooseFormat(accept: string): string {
  const preferences = parsePreferences(accept).filter(({ q }) => q > 0);
  preferences.sort((a, b) => b.q - a.q);
  for (const preference of preferences) {
    const offer = OFFERS.find(({ accepts }) => accepts(preference));
    if (offer !== undefined) return offer.contentType;
  }
  return OFFERS[0].contentType;
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

/** A weight that is none: 0 for a wildcard (Prometheus 2.49.0 sends `*\/*;q=2`), else the nearest that is one. */
function parseWeight(name: string, text: string | undefined): number {
  if (text === undefined) return 1;
  const q = /^\d*\.?\d+$|^\d+\.$/.test(text) ? Number(text) : Number.NaN;
  if (q >= 0 && q <= 1) return q;
  if (name.includes('*') || Number.isNaN(q)) return 0;
  return 1;
}
