import { z } from 'zod';
import type { Secret } from '../../domain/secret.ts';
import type { IpPreference } from '../net/ip-settings.ts';
import { ipPreference, ipSettings } from '../net/ip-settings.ts';
import { defaultTls, tlsSettings } from '../net/tls-settings.ts';
import type { TlsClient } from '../net/tls.ts';
import type { ConfigFiles } from '../settings.ts';
import { secret } from '../settings.ts';

export interface GrpcSettings {
  readonly ip: IpPreference;
  /** Empty: the server as a whole. */
  readonly service: string;
  /** Present when TLS is spoken. */
  readonly tls: TlsClient | undefined;
  /** By lower-case name, as it goes over the wire. */
  readonly metadata: Readonly<Record<string, readonly Secret[]>>;
}

/** Names that HTTP/2 and gRPC keep for themselves. */
const RESERVED = /^(?:grpc-.*|te|content-type|user-agent|host|connection|transfer-encoding)$/;

const metadataName = z
  .string()
  .regex(/^[A-Za-z0-9_.-]+$/, { error: 'expected a name of letters, digits, "_", "-" and "."' })
  .refine((name) => !RESERVED.test(name.toLowerCase()), { error: 'this name is reserved by gRPC' });

/** Of the others, printable ASCII; those of `-bin` may be anything. */
const printable = (name: string, values: readonly Secret[]): boolean =>
  name.toLowerCase().endsWith('-bin') || values.every((value) => /^[\x20-\x7e]*$/.test(value.reveal()));

/** blackbox_exporter's keys. */
export function grpcSettings(files: ConfigFiles): z.ZodType<GrpcSettings> {
  return z
    .strictObject({
      ...ipSettings,
      service: z.string().default(''),
      tls: z.boolean().default(false),
      tls_config: tlsSettings(files).optional(),
      metadata: z
        .record(metadataName, z.array(secret))
        .refine((given) => Object.entries(given).every(([name, values]) => printable(name, values)), {
          error: 'a value has characters besides printable ASCII; give its name the ending -bin',
        })
        .default({}),
    })
    .transform((given) => ({
      ip: ipPreference(given),
      service: given.service,
      tls: given.tls ? (given.tls_config ?? defaultTls()) : undefined,
      metadata: Object.fromEntries(
        Object.entries(given.metadata).map(([name, values]) => [name.toLowerCase(), values]),
      ),
    }));
}
