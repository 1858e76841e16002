import { escapeLabel, isLegacyLabel, isName, type Escaping } from './name-escaping.ts';

export type LabelSet = Readonly<Record<string, string>>;

const UNSAFE = /[\\"\n\p{Surrogate}]/u;

/**
 * Checks the names of labels.
 * @returns whether every version of Prometheus accepts them; if not, they need quoting or escaping
 * @throws TypeError for an invalid name, or for two that become equal when escaped
 */
export function checkLabels(labels: LabelSet): boolean {
  const names = Object.keys(labels);
  if (names.every((name) => isLegacyLabel(name) && name !== '__name__')) return true;
  for (const name of names) {
    if (!isName(name) || name === '__name__')
      throw new TypeError(`"${name}" is not a label name; expected some text, and not __name__`);
  }
  for (const escaping of ['underscores', 'dots', 'values'] as const) {
    const escaped = new Set(names.map((name) => escapeLabel(name, escaping)));
    if (escaped.size < names.length)
      throw new TypeError(`two of the labels ${names.join(', ')} are the same with the escaping ${escaping}`);
  }
  return false;
}

/**
 * Renders labels as `a="b",c="d"`, sorted by name; without braces. Names that old versions of Prometheus reject are escaped
 * or, with `allow-utf-8`, quoted.
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details
 */
export function renderLabels(labels: LabelSet, escaping: Escaping = 'underscores'): string {
  let text = '';
  for (const name of Object.keys(labels).sort()) {
    const written = isLegacyLabel(name) ? name : renderName(escapeLabel(name, escaping), escaping);
    text += `${text === '' ? '' : ','}${written}="${escapeQuoted(labels[name] ?? '')}"`;
  }
  return text;
}

/** Label sets that are equal for Prometheus have the same identity: a label with an empty value is ignored. */
export function labelIdentity(labels: LabelSet, rendered: string): string {
  if (!rendered.includes('=""')) return rendered;
  return renderLabels(Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== '')));
}

/** A name that must be quoted. */
export function renderName(name: string, escaping: Escaping): string {
  return escaping === 'allow-utf-8' ? `"${escapeQuoted(name)}"` : name;
}

/** Text escaped for use between quotes. */
export function escapeQuoted(value: string): string {
  if (!UNSAFE.test(value)) return value;
  return escapeHelp(value).replaceAll('"', '\\"');
}

/** Text escaped for HELP in text 0.0.4. A lone surrogate cannot be encoded: it becomes U+FFFD. */
export function escapeHelp(value: string): string {
  if (!UNSAFE.test(value)) return value;
  return value
    .replace(/\p{Surrogate}/gu, '\uFFFD')
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n');
}
