import { defineFamily, type Family, type Sample } from '../../metrics/family.ts';
import { sample } from '../../metrics/family.ts';

const DURATION = defineFamily('gauge', 'probe_icmp_duration_seconds', 'Duration of icmp request by phase', [
  'phase',
]);
export const HOP_LIMIT = defineFamily(
  'gauge',
  'probe_icmp_reply_hop_limit',
  'Replied packet hop limit (TTL for ipv4)',
);

export const ICMP_FAMILIES: readonly Family[] = [DURATION, HOP_LIMIT];

/** Seconds of each measured phase, under blackbox_exporter's names. */
export interface IcmpSeconds {
  readonly resolve?: number | undefined;
  readonly setup?: number | undefined;
  readonly rtt?: number | undefined;
}

export function icmpDurations(seconds: IcmpSeconds): readonly Sample[] {
  const { resolve, setup, rtt } = seconds;
  return Object.entries({ resolve, setup, rtt }).flatMap(([phase, value]) =>
    value === undefined ? [] : [sample(DURATION, value, { phase })],
  );
}

/** The series of blackbox_exporter for a host that did not answer. */
export function unmeasuredIcmp(): readonly Sample[] {
  return icmpDurations({ resolve: 0, setup: 0, rtt: 0 });
}
