/**
 * How names with characters other than `[a-zA-Z0-9_:]` are exposed: quoted, or escaped in one of three ways.
 * @see https://prometheus.io/docs/instrumenting/escaping_schemes/
 */
export type Escaping = 'allow-utf-8' | 'underscores' | 'dots' | 'values';

export const ESCAPINGS: readonly Escaping[] = ['allow-utf-8', 'underscores', 'dots', 'values'];

const LEGACY_FAMILY = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LEGACY_LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Whether every version of Prometheus accepts it as a metric name. */
export function isLegacyFamily(name: string): boolean {
  return LEGACY_FAMILY.test(name);
}

/** Whether every version of Prometheus accepts it as a label name. */
export function isLegacyLabel(name: string): boolean {
  return LEGACY_LABEL.test(name);
}

/** Whether it can be a name at all: a non-empty text that can be encoded as UTF-8. */
export function isName(name: string): boolean {
  return name !== '' && !LONE_SURROGATE.test(name);
}

export function escapeFamily(name: string, escaping: Escaping): string {
  return isLegacyFamily(name) ? name : escapeName(name, escaping, ':');
}

export function escapeLabel(name: string, escaping: Escaping): string {
  return isLegacyLabel(name) ? name : escapeName(name, escaping, '');
}

/** @param more a character that is legal besides letters, digits and `_` */
function escapeName(name: string, escaping: Escaping, more: string): string {
  if (escaping === 'allow-utf-8') return name;
  const characters = Array.from(name, (character, i) =>
    isLegal(character, i, more) ? legalIn(escaping, character) : replacement(escaping, character),
  );
  return (escaping === 'values' ? 'U__' : '') + characters.join('');
}

function isLegal(character: string, index: number, more: string): boolean {
  return /^[a-zA-Z_]$/.test(character) || character === more || (index > 0 && /^[0-9]$/.test(character));
}

function legalIn(escaping: Escaping, character: string): string {
  return character === '_' && escaping !== 'underscores' ? '__' : character;
}

function replacement(escaping: Escaping, character: string): string {
  if (escaping === 'underscores') return '_';
  if (escaping === 'dots') return character === '.' ? '_dot_' : '__';
  return `_${(character.codePointAt(0) ?? 0).toString(16)}_`;
}
