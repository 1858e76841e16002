import type { Path } from './path.ts';

const NO_STORE = 'there is no store of secrets that a reference could name';
const NO_JWT = 'tokens are fetched by the client credentials grant alone, not by jwt-bearer';
const NO_TOKEN_PROXY = 'the token endpoint is always asked directly, without a proxy';

const REFERENCES = new Set([
  ...['username_ref', 'password_ref', 'credentials_ref', 'client_secret_ref'],
  ...['ca_ref', 'cert_ref', 'key_ref', 'client_certificate_key_ref'],
]);
const OF_OAUTH2: ReadonlyMap<string, string> = new Map([
  ...['client_certificate_key', 'client_certificate_key_file', 'client_certificate_key_id'].map(
    (key) => [key, NO_JWT] as const,
  ),
  ...['signature_algorithm', 'iss', 'audience', 'claims'].map((key) => [key, NO_JWT] as const),
  ...['proxy_url', 'no_proxy', 'proxy_from_environment', 'proxy_connect_header'].map(
    (key) => [key, NO_TOKEN_PROXY] as const,
  ),
]);

/** Of a key that blackbox_exporter has at that place: why Tocsin does not, and what to do; undefined for all others. */
export function foreignKey(at: Path, key: string): string | undefined {
  if (REFERENCES.has(key))
    return `${key} is not possible: ${NO_STORE}; give ${key.replace(/_ref$/, '_file')} instead`;
  const why = at.at(-1) === 'oauth2' ? OF_OAUTH2.get(key) : undefined;
  return why === undefined ? undefined : `${key} is not possible: ${why}; leave it out`;
}
