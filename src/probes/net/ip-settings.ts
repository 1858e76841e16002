import { isIP } from 'node:net';
import { z } from 'zod';
import { unlessEmpty } from '../settings.ts';

/** blackbox_exporter's keys that choose between IPv4 and IPv6, for a settings schema. */
export const ipSettings = {
  preferred_ip_protocol: unlessEmpty(z.enum(['ip4', 'ip6'])).default('ip6'),
  ip_protocol_fallback: z.boolean().default(true),
};

/** blackbox_exporter's key for the address to connect from. */
export const sourceAddress = unlessEmpty(
  z.string().refine((text) => isIP(text) !== 0, { error: 'expected an IP address of this host' }),
);

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
