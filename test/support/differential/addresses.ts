import type { Difference, Pair } from './differential.ts';
import { startTcp } from '../servers/tcp.ts';

type Settings = Readonly<Record<string, unknown>>;

/** A prober with its settings and an address. @param target with `PORT` for the port of a silent server */
function address(
  prober: string,
  name: string,
  target: string,
  { differs, ...settings }: Settings & { readonly differs?: Difference } = {},
): Pair {
  return {
    name: `address (${prober}): ${name}`,
    module: { prober, timeout: '10s', [prober]: { preferred_ip_protocol: 'ip4', ...settings } },
    start: async () => {
      const server = await startTcp();
      return { target: target.replace('PORT', String(server.port)), stop: () => server.close() };
    },
    ...(differs !== undefined && { differs }),
  };
}

const MAPPED = '::ffff:127.0.0.1';
const QUESTION = { query_name: 'example.test', transport_protocol: 'tcp' };

/** blackbox_exporter looks up a host with a space, and dials a port with one. */
const NOT_ASKED: Difference = {
  title: 'What cannot work is found when it is loaded',
  series: ['probe_dns_lookup_time_seconds', 'probe_ip_addr_hash', 'probe_ip_protocol'],
};
const DNS_NOT_ASKED: Difference = {
  ...NOT_ASKED,
  series: [
    ...(NOT_ASKED.series ?? []),
    'probe_dns_duration_seconds{phase="connect"}',
    'probe_dns_duration_seconds{phase="resolve"}',
  ],
};

/** Pairs about the parsing of addresses. */
export const addressPairs: readonly Pair[] = [
  address('tcp', 'IPv4 within IPv6', `[${MAPPED}]:PORT`),
  address('tcp', 'IPv4 within IPv6, in hexadecimal digits', '[::ffff:7f00:1]:PORT'),
  address('tcp', 'IPv4 within IPv6, IPv6 preferred', `[${MAPPED}]:PORT`, { preferred_ip_protocol: 'ip6' }),
  address('tcp', 'IPv4 within IPv6, and only IPv6 wanted', `[${MAPPED}]:PORT`, {
    preferred_ip_protocol: 'ip6',
    ip_protocol_fallback: false,
  }),
  address('icmp', 'IPv4 within IPv6', MAPPED),
  address('http', 'IPv4 within IPv6', `http://[${MAPPED}]:1/`),
  address('grpc', 'IPv4 within IPv6', `[${MAPPED}]:1`),
  address('dns', 'IPv4 within IPv6', `[${MAPPED}]:1`, QUESTION),
  address('tcp', 'a space at the end', '127.0.0.1:PORT ', { differs: NOT_ASKED }),
  address('tcp', 'a space before it', ' 127.0.0.1:PORT', { differs: NOT_ASKED }),
  address('icmp', 'a space at the end', '127.0.0.1 ', { differs: NOT_ASKED }),
  address('http', 'a space at the end of a host', 'http://127.0.0.1 '),
  address('grpc', 'a space at the end', '127.0.0.1:PORT '),
  address('dns', 'a space at the end', '127.0.0.1:PORT ', { ...QUESTION, differs: DNS_NOT_ASKED }),
];
