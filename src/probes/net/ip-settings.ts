import { isIP } from 'node:net';
import { z } from 'zod';
import { CANNOT_WORK, unlessEmpty, type ConfigFiles } from '../../settings/values.ts';

const PROTOCOLS = ['ip4', 'ip6'] as const;
/** To blackbox_exporter everything except `ip6` is IPv4: `ipv4`, but `ipv6` as well. */
const anyProtocol = z.string().transform((text) => (text === 'ip6' ? 'ip6' : 'ip4'));

/** blackbox_exporter's keys that choose between IPv4 and IPv6, for a settings schema. */
export function ipSettings({ lenient = false }: ConfigFiles) {
  const protocol = lenient ? anyProtocol : z.enum(PROTOCOLS);
  return {
    preferred_ip_protocol: unlessEmpty<z.ZodType<(typeof PROTOCOLS)[number]>>(protocol)
      .default('ip6')
      .meta({ description: 'the version of IP to use: `ip4`, or `ip6`, the default' }),
    ip_protocol_fallback: z
      .boolean()
      .default(true)
      .meta({ description: 'use the other version where a name has no address of the preferred one' }),
  };
}

/** blackbox_exporter's key for the address to connect from. */
export const sourceAddress = unlessEmpty(
  z.string().refine((text) => isIP(text) !== 0, {
    error: 'expected an IP address of this host',
    params: CANNOT_WORK,
  }),
).meta({ description: 'the address of this host to send from; when absent, the system chooses' });

export interface IpPreference {
  readonly prefer: 4 | 6;
  readonly fallback: boolean;
}

export function ipPreference(given: {
  readonly preferred_ip_protocol: 'ip4' | 'ip6' | undefined;
  readonly ip_protocol_fallback: boolean;
}): IpPreference {
  return { prefer: given.preferred_ip_protocol === 'ip4' ? 4 : 6, fallback: given.ip_protocol_fallback };
}
