import type { Family } from '../metrics/family.ts';
import { PHASES } from './prober.ts';

export const PROBE_DURATION: Family = {
  name: 'probe_duration_seconds',
  type: 'gauge',
  help: 'Returns how long the probe took to complete in seconds',
  labels: [],
};

export const DNS_LOOKUP_TIME: Family = {
  name: 'probe_dns_lookup_time_seconds',
  type: 'gauge',
  help: 'Returns the time taken for probe dns lookup in seconds',
  labels: [],
};

export const IP_PROTOCOL: Family = {
  name: 'probe_ip_protocol',
  type: 'gauge',
  help: 'Specifies whether probe ip protocol is IP4 or IP6',
  labels: [],
};

export const IP_ADDR_HASH: Family = {
  name: 'probe_ip_addr_hash',
  type: 'gauge',
  help: "Specifies the hash of IP address. It's useful to detect if the IP address changes.",
  labels: [],
};

export const PHASE_DURATION: Family = {
  name: 'tocsin_probe_phase_duration_seconds',
  type: 'gauge',
  help: `Seconds that the last run spent in each phase it reached (${PHASES.join(', ')}), for every prober`,
  labels: ['phase'],
};

/** blackbox_exporter's, for `http` and all probers with a dialogue. */
export const FAILED_DUE_TO_REGEX: Family = {
  name: 'probe_failed_due_to_regex',
  type: 'gauge',
  help: 'Indicates if probe failed due to regex',
  labels: [],
};

/** What `runProbe` adds to the samples of every prober. */
export const RUN_FAMILIES: readonly Family[] = [
  PROBE_DURATION,
  DNS_LOOKUP_TIME,
  IP_PROTOCOL,
  IP_ADDR_HASH,
  PHASE_DURATION,
];
