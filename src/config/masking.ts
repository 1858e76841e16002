const MASK = '<secret>';

/** Keys whose value is a secret anywhere; a key ending in `_file` or `_url` only says where the secret is. */
const SECRET_KEY =
  /passw(?:or)?d|passphrase|secret|token|credential|api[-_]?key|private[-_]?key|certificate[-_]?key$|bearer/i;
const PLACE_KEY = /_(?:file|files|url|urls)$|^files$/i;
/** Mappings whose values may be secrets under any name. */
const FREE_KEY = /^(?:headers|http_headers|endpoint_params|proxy_connect_header|metadata|params|claims)$/;
/** Keys of URLs that are secrets themselves. */
const URL_KEY = /^ping_url$/;
/** Keys of what is sent to a target. */
const SENT_KEY = /^(?:send|body|key)$/;
/** Keys of what may be an address without a scheme. */
const ADDRESS_KEY = /^(?:address|targets?|resolver|listen|allow|no_proxy)$|url$/i;
const HARMLESS_HEADER =
  /^(?:accept|accept-charset|accept-encoding|accept-language|cache-control|connection|content-type|host|origin|pragma|referer|user-agent)$/i;

/** A copy of configuration data in which everything that may be a secret is `<secret>`. */
export function masked(value: unknown, key = ''): unknown {
  if (value instanceof Uint8Array) return MASK;
  if (typeof value === 'string') return isSecret(key) ? MASK : maskedText(value, ADDRESS_KEY.test(key));
  if (typeof value !== 'object' || value === null) return isSecret(key) && value !== null ? MASK : value;
  if (Array.isArray(value)) return value.map((item: unknown) => masked(item, key));
  const free = FREE_KEY.test(key);
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]: [string, unknown]) => [
      name,
      free ? maskedFree(name, inner) : masked(inner, name),
    ]),
  );
}

function isSecret(key: string): boolean {
  return SENT_KEY.test(key) || URL_KEY.test(key) || (SECRET_KEY.test(key) && !PLACE_KEY.test(key));
}

/** The value of a header or the like: text, or `{ values, secrets, files }`. */
function maskedFree(name: string, value: unknown): unknown {
  if (HARMLESS_HEADER.test(name)) return masked(value);
  if (Array.isArray(value)) return value.map(() => MASK);
  if (typeof value !== 'object' || value === null) return MASK;
  return Object.fromEntries(
    Object.entries(value).map(([part, inner]: [string, unknown]) => [
      part,
      part === 'files' ? masked(inner, part) : maskedFree(part, inner),
    ]),
  );
}

const IS_URL = /^\s*[a-z][a-z0-9+.-]*:\/\//i;

/** A text without possible credentials in an address: the user, and the values of a query. */
function maskedText(text: string, address: boolean): string {
  const known = maskedUsers(text, address);
  if (address || IS_URL.test(text)) return known.replace(/[?#][^#]*/g, maskedQuery);
  return known
    .replace(/(:\/\/[^\s?#]*)(\?[^\s#]*)/g, (_, before: string, query: string) => before + maskedQuery(query))
    .replace(/(?<=\S)([?&][\w.~%+:[\]-]+=)[^&#\s]+/g, `$1${MASK}`);
}

/** Masks the user of a URL, with or without a password; elsewhere whatever has the shape `user:password@`. */
function maskedUsers(text: string, address: boolean): string {
  // the user of a URL may contain white space
  const whole = text.replace(/^(\s*(?:[a-z][a-z0-9+.-]*:)?[\\/]{2,})[^/\\?#]*@/i, `$1${MASK}@`);
  const parts = whole.split(/([\s/\\?#]+)/);
  return parts
    .map((part, i) => {
      const at = part.lastIndexOf('@');
      const inUrl = /^[\\/]+$/.test(parts[i - 1] ?? '') && /[a-z][a-z0-9+.-]*:$/i.test(parts[i - 2] ?? '');
      const isUser = at > 0 && (inUrl || (address && i === 0) || part.slice(0, at).includes(':'));
      return isUser ? MASK + part.slice(at) : part;
    })
    .join('');
}

/** `?a=b&c` and `#a=b`: names stay, unless a part is only a name; a plain fragment holds no secret. */
function maskedQuery(query: string): string {
  if (query === '?' || (query.startsWith('#') && !query.includes('='))) return query;
  const parts = query.slice(1).split(/([&;])/);
  const hidden = parts.map((part, i) => {
    if (i % 2 === 1 || part === '') return part;
    const end = part.indexOf('=');
    const hasValue = end >= 0 && !/^=*$/.test(part.slice(end));
    return hasValue ? `${part.slice(0, end)}=${MASK}` : MASK;
  });
  return query.charAt(0) + hidden.join('');
}
