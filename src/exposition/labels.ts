import { escapeLabel, isLegacyLabel, isName, type Escaping } from './names.ts';

export type LabelSet = Readonly<Record<string, string>>;

const UNSAFE = /[\\"\n\p{Surrogate}]/u;

/**
 * Checks the names of labels.
 * @returns whether every Prometheus takes them; if not, they need quotes or escaping
 * @throws TypeError for a name that none would take, or for two that become one by escaping
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
 * Renders labels as `a="b",c="d"`, sorted by name; without braces. Names that old Prometheus does not know are escaped
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

/** Two label sets that Prometheus takes for the same have the same identity: an empty label is no label. */
export function labelIdentity(labels: LabelSet, rendered: string): string {
  if (!rendered.includes('=""')) return rendered;
  return renderLabels(Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== '')));
}

/** A name that is not legal without quotes. */
export function renderName(name: string, escaping: Escaping): string {
  return escaping === 'allow-utf-8' ? `"${escapeQuoted(name)}"` : name;
}

/** Text as it stands between quotes. */
export function escapeQuoted(value: string): string {
  if (!UNSAFE.test(value)) return value;
  return escapeHelp(value).replaceAll('"', '\\"');
}

/** Text as it stands in HELP of text 0.0.4. A lone surrogate has no UTF-8: it becomes U+FFFD. */
export function escapeHelp(value: string): string {
  return value
    .replace(/\p{Surrogate}/gu, '\uFFFD')
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n');
}
