const REFERENCES = new Set([
  ...['username_ref', 'password_ref', 'credentials_ref', 'client_secret_ref'],
  ...['ca_ref', 'cert_ref', 'key_ref', 'client_certificate_key_ref'],
]);

/**
 * Of a key that blackbox_exporter has, and that works there as little as here: why, and what to do; undefined for all
 * others.
 */
export function foreignKey(key: string): string | undefined {
  if (!REFERENCES.has(key)) return undefined;
  const instead = key.replace(/_ref$/, '_file');
  return `${key} is not possible: there is no store of secrets that a reference could name; give ${instead} instead`;
}
