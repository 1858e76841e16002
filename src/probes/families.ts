import { defineFamily, type Family } from '../metrics/family.ts';
import { PHASES } from './prober.ts';

export const PROBE_DURATION = defineFamily(
  'gauge',
  'probe_duration_seconds',
  'Returns how long the probe took to complete in seconds',
);

export const DNS_LOOKUP_TIME = defineFamily(
  'gauge',
  'probe_dns_lookup_time_seconds',
  'Returns the time taken for probe dns lookup in seconds',
);

export const IP_PROTOCOL = defineFamily(
  'gauge',
  'probe_ip_protocol',
  'Specifies whether probe ip protocol is IP4 or IP6',
);

export const IP_ADDR_HASH = defineFamily(
  'gauge',
  'probe_ip_addr_hash',
  "Specifies the hash of IP address. It's useful to detect if the IP address changes.",
);

export const PHASE_DURATION = defineFamily(
  'gauge',
  'tocsin_probe_phase_duration_seconds',
  `Seconds that the last run spent in each phase it reached (${PHASES.join(', ')}), for every prober`,
  ['phase'],
);

/** blackbox_exporter's, for `http` and all probers with a dialogue. */
export const FAILED_DUE_TO_REGEX = defineFamily(
  'gauge',
  'probe_failed_due_to_regex',
  'Indicates if probe failed due to regex',
);

/** What `runProbe` adds to the samples of every prober. */
export const RUN_FAMILIES: readonly Family[] = [
  PROBE_DURATION,
  DNS_LOOKUP_TIME,
  IP_PROTOCOL,
  IP_ADDR_HASH,
  PHASE_DURATION,
];
