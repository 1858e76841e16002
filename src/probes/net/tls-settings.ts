import { z } from 'zod';
import type { SecureVersion } from 'node:tls';
import type { ConfigFiles } from '../settings.ts';
import { fileContent } from '../settings.ts';
import { TlsClient } from './tls.ts';

const VERSIONS = { TLS10: 'TLSv1', TLS11: 'TLSv1.1', TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' } as const;
/** Node.js takes a file without any, and then trusts nobody. */
const CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/;

const version = z
  .enum(['TLS10', 'TLS11', 'TLS12', 'TLS13'])
  .transform((name): SecureVersion => VERSIONS[name]);

/**
 * blackbox_exporter's `tls_config`, ready to make handshakes. Certificates and keys are read and tried
 * when the configuration is loaded, so that a bad file is a configuration error, not a failing probe.
 */
export function tlsSettings(files: ConfigFiles) {
  return z
    .strictObject({
      ca: z.string().optional(),
      ca_file: fileContent(files).optional(),
      cert: z.string().optional(),
      cert_file: fileContent(files).optional(),
      key: z.string().optional(),
      key_file: fileContent(files).optional(),
      server_name: z.string().min(1).optional(),
      insecure_skip_verify: z.boolean().default(false),
      min_version: version.optional(),
      max_version: version.optional(),
    })
    .superRefine(checkInline)
    .transform(({ ca, cert, key, ...given }) => ({
      ...given,
      ca_file: given.ca_file ?? ca,
      cert_file: given.cert_file ?? cert,
      key_file: given.key_file ?? key,
    }))
    .refine((given) => (given.cert_file === undefined) === (given.key_file === undefined), {
      error: 'cert_file and key_file belong together; give both or none',
    })
    .refine((given) => given.ca_file === undefined || CERTIFICATE.test(given.ca_file), {
      error: 'the file holds no certificate; expected one or more in PEM',
      path: ['ca_file'],
    })
    .transform((given, context) => {
      const client = new TlsClient({
        serverName: given.server_name,
        insecureSkipVerify: given.insecure_skip_verify,
        context: {
          ...(given.ca_file === undefined ? {} : { ca: given.ca_file }),
          ...(given.cert_file === undefined ? {} : { cert: given.cert_file }),
          ...(given.key_file === undefined ? {} : { key: given.key_file }),
          ...(given.min_version === undefined ? {} : { minVersion: given.min_version }),
          // OpenSSL 3 speaks TLS 1.0 and 1.1 only at this level
          ...(given.min_version === 'TLSv1' || given.min_version === 'TLSv1.1'
            ? { ciphers: 'DEFAULT@SECLEVEL=0' }
            : {}),
          ...(given.max_version === undefined ? {} : { maxVersion: given.max_version }),
        },
      });
      try {
        client.prepare();
        return client;
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        context.addIssue({
          code: 'custom',
          message: `TLS cannot use these settings: ${why}; expected PEM files that fit together`,
        });
        return z.NEVER;
      }
    });
}

type Inline = Partial<
  Record<'ca' | 'cert' | 'key' | 'ca_file' | 'cert_file' | 'key_file', string | undefined>
>;

/** What stands in the configuration itself does not stand in a file, too. */
function checkInline(given: Inline, context: z.core.$RefinementCtx): void {
  for (const key of ['ca', 'cert', 'key'] as const) {
    if (given[key] === undefined || given[`${key}_file`] === undefined) continue;
    const message = `${key} and ${key}_file are both given; expected one`;
    context.addIssue({ code: 'custom', path: [`${key}_file`], message });
  }
}

/** What holds without a `tls_config`: the trust store of Node.js, TLS 1.2 and later. */
export function defaultTls(): TlsClient {
  return new TlsClient({ insecureSkipVerify: false, context: {} });
}
