import { z } from 'zod';
import type { SecureVersion } from 'node:tls';
import type { TlsOptions } from '../../../domain/tls.ts';
import type { ConfigFiles } from '../../../settings/values.ts';
import { CANNOT_WORK, fileContent, unlessEmpty } from '../../../settings/values.ts';
import { isKeyOf, readCertificates, writeCertificates } from './pem.ts';
import { TlsClient } from './client.ts';

const VERSIONS = { TLS10: 'TLSv1', TLS11: 'TLSv1.1', TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' } as const;

const version = z
  .enum(['TLS10', 'TLS11', 'TLS12', 'TLS13'])
  .transform((name): SecureVersion => VERSIONS[name]);

/** The keys of `tls_config` that every client of Tocsin has. */
const connectionKeys = (files: ConfigFiles) => ({
  ca_file: unlessEmpty(fileContent(files)).meta({
    description: "certificate authorities in PEM that are trusted, instead of Node's own",
    whenAbsent: "Node's own",
  }),
  cert_file: unlessEmpty(fileContent(files)).meta({
    description: 'the client certificate, in PEM; with `key_file`',
  }),
  key_file: unlessEmpty(fileContent(files)).meta({ description: 'the private key of the certificate' }),
  server_name: unlessEmpty(z.string()).meta({
    description: 'the name to request (SNI) and to verify',
    whenAbsent: 'the host of the URL',
  }),
  insecure_skip_verify: z
    .boolean()
    .default(false)
    .meta({ description: 'do not verify the certificate: anyone can impersonate the server' }),
});

const pemInsteadOf = (key: string) => ({ description: `the PEM itself, instead of \`${key}\`` });

/**
 * blackbox_exporter's `tls_config`, ready for handshakes. Certificates and keys are read and tested when the
 * configuration is loaded, so that an invalid file is a configuration error, not a failing probe.
 * @param use what the settings are for, such as "for `tls`"
 */
export function tlsSettings(files: ConfigFiles, use: string) {
  return tlsClient(files)
    .optional()
    .meta({ description: `the TLS settings, ${use}; files are read when the configuration is loaded` });
}

function tlsClient(files: ConfigFiles) {
  return z
    .strictObject({
      ...connectionKeys(files),
      ca: unlessEmpty(z.string()).meta(pemInsteadOf('ca_file')),
      cert: unlessEmpty(z.string()).meta(pemInsteadOf('cert_file')),
      key: unlessEmpty(z.string()).meta(pemInsteadOf('key_file')),
      min_version: version.optional().meta({ description: 'the oldest version of TLS' }),
      max_version: version.optional().meta({ description: 'the newest version of TLS' }),
    })
    .superRefine(checkInline)
    .transform(({ ca, cert, key, ...given }) => ({
      ...given,
      ca_file: given.ca_file ?? ca,
      cert_file: given.cert_file ?? cert,
      key_file: given.key_file ?? key,
    }))
    .transform(clientOf);
}

/** The `tls_config` of a client that is not a prober: fewer keys, for drivers that make their own handshakes. */
export function tlsConnection(files: ConfigFiles) {
  return z
    .strictObject(connectionKeys(files))
    .transform(clientOf)
    .transform((client): TlsOptions => client.connectOptions);
}

interface TlsGiven {
  readonly ca_file?: string | undefined;
  readonly cert_file?: string | undefined;
  readonly key_file?: string | undefined;
  readonly server_name?: string | undefined;
  readonly insecure_skip_verify: boolean;
  readonly min_version?: SecureVersion | undefined;
  readonly max_version?: SecureVersion | undefined;
}

function clientOf(given: TlsGiven, context: z.core.$RefinementCtx): TlsClient {
  const { ca_file: ca, cert_file: cert, key_file: key, min_version: min, max_version: max } = given;
  const wrong = (message: string, path: string[] = [], params: object = CANNOT_WORK) => {
    context.addIssue({ code: 'custom', message, path, params: { ...params } });
    return z.NEVER;
  };
  if ((cert === undefined) !== (key === undefined))
    return wrong('cert_file and key_file belong together; give both or neither', [], {});
  // Node.js accepts a file without any, and then trusts nothing
  const trusted = ca === undefined ? undefined : readCertificates(ca);
  if (trusted?.length === 0) return wrong(NO_CERTIFICATE, ['ca_file']);
  const own = cert === undefined ? undefined : readCertificates(cert);
  if (own?.length === 0) return wrong(NO_CERTIFICATE, ['cert_file']);
  const client = new TlsClient({
    serverName: given.server_name,
    insecureSkipVerify: given.insecure_skip_verify,
    trusted,
    context: {
      ...(own !== undefined && { cert: writeCertificates(own) }),
      ...(key !== undefined && { key }),
      ...(min !== undefined && { minVersion: min }),
      // OpenSSL 3 supports TLS 1.0 and 1.1 only at this level
      ...((min === 'TLSv1' || min === 'TLSv1.1') && { ciphers: 'DEFAULT@SECLEVEL=0' }),
      ...(max !== undefined && { maxVersion: max }),
    },
  });
  try {
    const [leaf] = own ?? [];
    if (leaf !== undefined && key !== undefined && !isKeyOf(leaf, key))
      return wrong('the private key is not that of the first certificate in cert_file', ['key_file']);
    client.prepare();
    return client;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return wrong(`TLS cannot use these settings: ${why}; expected PEM files that fit together`);
  }
}

const NO_CERTIFICATE = 'the file contains no certificate that can be read; expected one or more in PEM';

type Inline = Partial<
  Record<'ca' | 'cert' | 'key' | 'ca_file' | 'cert_file' | 'key_file', string | undefined>
>;

/** A value may be in the configuration itself or in a file, not both. */
function checkInline(given: Inline, context: z.core.$RefinementCtx): void {
  for (const key of ['ca', 'cert', 'key'] as const) {
    if (given[key] === undefined || given[`${key}_file`] === undefined) continue;
    const message = `${key} and ${key}_file are both given; expected one`;
    context.addIssue({ code: 'custom', path: [`${key}_file`], message });
  }
}

/** The default without a `tls_config`: the trust store of Node.js, TLS 1.2 and later. */
export function defaultTls(): TlsClient {
  return new TlsClient({ insecureSkipVerify: false, context: {} });
}
