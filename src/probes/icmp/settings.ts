import { z } from 'zod';
import type { IpPreference } from '../net/ip-settings.ts';
import { CANNOT_WORK, type ConfigFiles } from '../../settings/values.ts';
import { ipPreference, ipSettings, sourceAddress } from '../net/ip-settings.ts';

export interface IcmpSettings {
  readonly ip: IpPreference;
  readonly sourceAddress: string | undefined;
  /** Bytes after the ICMP header. */
  readonly payloadSize: number;
  readonly dontFragment: boolean;
  /** 0: the system's default. */
  readonly ttl: number;
}

/** blackbox_exporter's default number of bytes. */
const DEFAULT_PAYLOAD = 28;
/** The largest payload of an IPv4 packet besides its headers. */
const MAX_PAYLOAD = 65_507;

/** blackbox_exporter's keys. */
export function icmpSettings(files: ConfigFiles): z.ZodType<IcmpSettings> {
  return z
    .strictObject({
      ...ipSettings(files),
      source_ip_address: sourceAddress,
      payload_size: z
        .int()
        .refine((bytes) => bytes >= 0 && bytes <= MAX_PAYLOAD, {
          error: `expected a number of bytes from 0 to ${MAX_PAYLOAD}`,
          params: CANNOT_WORK,
        })
        .default(0)
        .meta({ description: 'bytes after the ICMP header; 0 means 28' }),
      dont_fragment: z
        .boolean()
        .default(false)
        .meta({ description: 'forbid that the request is sent in fragments, for IPv6, too' }),
      ttl: z.int().min(0).max(255).default(64).meta({
        description: 'the most hops of the request; 0 leaves it to the system',
      }),
    })
    .transform((given) => ({
      ip: ipPreference(given),
      sourceAddress: given.source_ip_address,
      payloadSize: given.payload_size === 0 ? DEFAULT_PAYLOAD : given.payload_size,
      dontFragment: given.dont_fragment,
      ttl: given.ttl,
    }));
}
