/**
 * A text property of an error (`code`, `name`, `reason`, `message`), or an empty text. Does not use `instanceof Error`:
 * where code runs in a `vm` context, errors of Node.js itself are from another realm.
 */
export function errorText(error: unknown, field: 'code' | 'name' | 'reason' | 'message' | 'stack'): string {
  if (typeof error !== 'object' || error === null || !(field in error)) return '';
  const value: unknown = Reflect.get(error, field);
  return typeof value === 'string' ? value : '';
}

/** The system's or OpenSSL's code of an error (`ECONNREFUSED`), or an empty text. */
export function errorCode(error: unknown): string {
  return errorText(error, 'code');
}
