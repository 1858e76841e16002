import { parseWebUrl, utf8Bytes } from '../net/web-url.ts';

/**
 * Whether a name and a value can be sent as a header; of control characters a value may have only tabs.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-5.5
 */
export function isHeader(name: string, value: string): boolean {
  return /^[!#$%&'*+.^_`|~\w-]+$/.test(name) && isHeaderValue(value);
}

export function isHeaderValue(value: string): boolean {
  return !/[^\t\x20-\x7e\x80-\uffff]/.test(value);
}

/**
 * A value as it is sent, one character for each byte: UTF-8, as Go sends what a file holds. A host beyond ASCII goes in
 * Punycode.
 */
export function headerBytes(name: string, value: string): string {
  const bytes = utf8Bytes(value);
  if (bytes === value || name.toLowerCase() !== 'host') return bytes;
  const url = parseWebUrl(`http://${value}`);
  return 'problem' in url ? bytes : url.authority;
}
