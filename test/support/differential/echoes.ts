import type { Pair } from './differential.ts';

function icmp(name: string, target: string, settings: Readonly<Record<string, unknown>> = {}): Pair {
  return {
    name: `icmp: ${name}`,
    module: { prober: 'icmp', timeout: '10s', icmp: { preferred_ip_protocol: 'ip4', ...settings } },
    start: () => Promise.resolve({ target, stop: () => undefined }),
  };
}

export const echoPairs: readonly Pair[] = [
  icmp('loopback', '127.0.0.1'),
  icmp('a name', 'localhost'),
  icmp('a payload', '127.0.0.1', { payload_size: 1000 }),
  icmp('a time to live', '127.0.0.1', { ttl: 5 }),
  icmp('dont_fragment', '127.0.0.1', { dont_fragment: true }),
  icmp('a source address', '127.0.0.1', { source_ip_address: '127.0.0.1' }),
  icmp('only IPv6, for an IPv4 address', '127.0.0.1', {
    preferred_ip_protocol: 'ip6',
    ip_protocol_fallback: false,
  }),
];
