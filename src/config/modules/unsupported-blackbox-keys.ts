const REFERENCE_KEYS = new Set([
  ...['username_ref', 'password_ref', 'credentials_ref', 'client_secret_ref'],
  ...['ca_ref', 'cert_ref', 'key_ref', 'client_certificate_key_ref'],
]);

/**
 * For a key that blackbox_exporter has but that works neither there nor here: why, and what to do; undefined for any
 * other.
 */
export function unsupportedBlackboxKey(key: string): string | undefined {
  if (!REFERENCE_KEYS.has(key)) return undefined;
  const instead = key.replace(/_ref$/, '_file');
  return `${key} is not supported: Tocsin has no secret store; give ${instead} instead`;
}
