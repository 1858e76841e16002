import { parseWebUrl, utf8Bytes } from '../../net/web-url.ts';

/**
 * Whether a name and a value can be sent as a header; tabs are the only control characters that a value may have.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-5.5
 */
export function isHeader(name: string, value: string): boolean {
  return /^[!#$%&'*+.^_`|~\w-]+$/.test(name) && isHeaderValue(value);
}

export function isHeaderValue(value: string): boolean {
  return !/[^\t\x20-\x7e\x80-\uffff]/.test(value);
}

/**
 * A value as it is sent, one character for each byte: UTF-8, as Go sends the content of a file. A non-ASCII host is
 * sent as Punycode.
 */
export function headerBytes(name: string, value: string): string {
  const bytes = utf8Bytes(value);
  if (bytes === value || name.toLowerCase() !== 'host') return bytes;
  const url = parseWebUrl(`http://${value}`);
  return 'problem' in url ? bytes : url.authority;
}
