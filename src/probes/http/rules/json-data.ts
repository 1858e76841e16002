import type { Body } from '../body.ts';

/** Longer answers are not kept. */
export const MAX_DATA_BYTES = 4_096;
const MAX_DEPTH = 16;
const SECRET_KEY =
  /passw(?:or)?d|passphrase|token|secret|authorization|api[-_]?key|credential|cookie|private[-_]?key|session/i;
/** Counts (`prompt_tokens: 12`) are not secrets. */
const COUNT_KEY = /tokens$/i;

export function isJsonType(contentType: string | undefined): boolean {
  return /^\s*(?:application|text)\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(contentType ?? '');
}

/** The JSON value of a small, complete body with secrets removed; undefined when it is not JSON. */
export function jsonData({ start, length, problem }: Body): unknown {
  if (problem !== undefined || length > MAX_DATA_BYTES || length === 0) return undefined;
  try {
    const value: unknown = JSON.parse(start.toString('utf8'));
    return redacted(value, 0);
  } catch {
    return undefined;
  }
}

/** A copy of a JSON value in which the value of every key that names a secret is `<secret>`. */
export function redacted(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '<too deep>';
  if (Array.isArray(value)) return value.map((item: unknown) => redacted(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]: [string, unknown]) => [
      key,
      isSecret(key, item) ? '<secret>' : redacted(item, depth + 1),
    ]),
  );
}

function isSecret(key: string, value: unknown): boolean {
  if (!SECRET_KEY.test(key) || value === null || typeof value === 'boolean') return false;
  return !(typeof value === 'number' && COUNT_KEY.test(key));
}
