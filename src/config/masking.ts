const MASK = '<secret>';

/** Keys whose value is a secret wherever they stand; what ends in `_file` or `_url` says where one is. */
const SECRET_KEY =
  /passw(?:or)?d|passphrase|secret|token|credential|api[-_]?key|private[-_]?key|certificate[-_]?key$|bearer/i;
const PLACE_KEY = /_(?:file|files|url|urls)$|^files$/i;
/** Mappings whose values may be secrets under any name. */
const FREE_KEY = /^(?:headers|http_headers|endpoint_params|proxy_connect_header|metadata|params)$/;
/** URLs that are secrets themselves. */
const URL_KEY = /^ping_url$/;
/** What is sent to a target. */
const SENT_KEY = /^(?:send|body|key)$/;
const HARMLESS_HEADER =
  /^(?:accept|accept-charset|accept-encoding|accept-language|cache-control|connection|content-type|host|origin|pragma|referer|user-agent)$/i;

/** A copy of configuration data in which whatever may be a secret is `<secret>`. */
export function masked(value: unknown, key = ''): unknown {
  if (value instanceof Uint8Array) return MASK;
  if (typeof value === 'string') return isSecret(key) ? MASK : maskedUrl(value);
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

/** The value of a header, or of what is like one: text, or `{ values, secrets, files }`. */
function maskedFree(name: string, value: unknown): unknown {
  if (HARMLESS_HEADER.test(name)) return masked(value);
  if (Array.isArray(value)) return value.map(() => MASK);
  if (typeof value !== 'object' || value === null) return MASK;
  return Object.fromEntries(
    Object.entries(value).map(([part, inner]: [string, unknown]) => [
      part,
      PLACE_KEY.test(part) ? inner : maskedFree(part, inner),
    ]),
  );
}

/** Credentials and the values of the query in a URL, or in an address that may be one. */
function maskedUrl(text: string): string {
  const withoutUser = text.replace(/^((?:[a-z][a-z0-9+.-]*:\/\/)?)[^/?#\s@]*:[^/?#\s]*@/i, `$1${MASK}@`);
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return withoutUser;
  return withoutUser.replace(/([?&][^=&#\s]+=)[^&#\s]+/g, `$1${MASK}`);
}
