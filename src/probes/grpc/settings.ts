import { z } from 'zod';
import type { Secret } from '../../domain/secret.ts';
import type { IpPreference } from '../net/ip-settings.ts';
import { ipPreference, ipSettings } from '../net/ip-settings.ts';
import { defaultTls, tlsSettings } from '../net/tls/settings.ts';
import type { TlsClient } from '../net/tls/client.ts';
import type { ConfigFiles } from '../../settings/values.ts';
import { CANNOT_WORK, secret } from '../../settings/values.ts';
import { loadWire, type Wire } from './messages.ts';

export interface GrpcSettings {
  readonly ip: IpPreference;
  /** Empty: the whole server. */
  readonly service: string;
  /** Present when TLS is used. */
  readonly tls: TlsClient | undefined;
  /** The library for the messages. */
  readonly wire: Promise<Wire>;
  /** By lower-case name, as sent. */
  readonly metadata: Readonly<Record<string, readonly Secret[]>>;
}

/** Names that gRPC sends itself; grpc-go ignores them in metadata. */
const GRPC_NAMES = /^(?:grpc-.*|te|content-type|user-agent)$/;
/** Names that are invalid in HTTP/2. */
const HTTP1_NAMES = /^(?:host|connection|transfer-encoding)$/;
const NAME = /^[A-Za-z0-9_.-]+$/;

/** Values must be printable ASCII, except those of `-bin` names, which may be anything. */
const printable = (name: string, values: readonly Secret[]): boolean =>
  name.toLowerCase().endsWith('-bin') || values.every((value) => /^[\x20-\x7e]*$/.test(value.reveal()));

/** Reports names and values that cannot be sent. */
function checkMetadata({ lenient = false }: ConfigFiles) {
  return (given: Readonly<Record<string, readonly Secret[]>>, context: z.core.$RefinementCtx): void => {
    for (const [name, values] of Object.entries(given)) {
      const refuse = (message: string, params = {}): void =>
        context.addIssue({ code: 'custom', path: [name], message, params });
      const lower = name.toLowerCase();
      if (!NAME.test(name)) refuse('expected a name of letters, digits, "_", "-" and "."', CANNOT_WORK);
      else if (HTTP1_NAMES.test(lower)) refuse('this header is not allowed in HTTP/2', CANNOT_WORK);
      else if (GRPC_NAMES.test(lower)) {
        if (!lenient) refuse('this name is reserved by gRPC; leave it out');
      } else if (!printable(name, values))
        refuse('a value has characters besides printable ASCII; append -bin to its name', CANNOT_WORK);
    }
  };
}

/** blackbox_exporter's keys. */
export function grpcSettings(files: ConfigFiles): z.ZodType<GrpcSettings> {
  return z
    .strictObject({
      ...ipSettings(files),
      service: z
        .string()
        .default('')
        .meta({ description: 'the service to ask about; when empty, the server as a whole' }),
      tls: z.boolean().default(false).meta({ description: 'use TLS' }),
      tls_config: tlsSettings(files, 'for `tls`'),
      metadata: z
        .record(
          z.string(),
          z.array(secret).meta({ description: 'values of the name, which are never shown' }),
        )
        .superRefine(checkMetadata(files))
        .default({})
        .meta({ description: 'names and lists of values that are sent with the call' }),
    })
    .transform((given) => ({
      ip: ipPreference(given),
      service: given.service,
      tls: given.tls ? (given.tls_config ?? defaultTls()) : undefined,
      wire: loadWire(),
      metadata: Object.fromEntries(
        Object.entries(given.metadata)
          .map(([name, values]) => [name.toLowerCase(), values] as const)
          .filter(([name]) => !GRPC_NAMES.test(name)),
      ),
    }));
}
