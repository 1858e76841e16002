import { defineFamily, type Family, type Sample } from '../../metrics/family.ts';
import { sample } from '../../metrics/family.ts';
import type { PhaseSeconds } from '../prober.ts';

const DURATION = defineFamily('gauge', 'probe_dns_duration_seconds', 'Duration of DNS request by phase', [
  'phase',
]);
export const ANSWER_RRS = defineFamily(
  'gauge',
  'probe_dns_answer_rrs',
  'Returns number of entries in the answer resource record list',
);
export const AUTHORITY_RRS = defineFamily(
  'gauge',
  'probe_dns_authority_rrs',
  'Returns number of entries in the authority resource record list',
);
export const ADDITIONAL_RRS = defineFamily(
  'gauge',
  'probe_dns_additional_rrs',
  'Returns number of entries in the additional resource record list',
);
export const QUERY_SUCCEEDED = defineFamily(
  'gauge',
  'probe_dns_query_succeeded',
  'Displays whether or not the query was executed successfully',
);
export const SERIAL = defineFamily('gauge', 'probe_dns_serial', 'Returns the serial number of the zone');

export const DNS_FAMILIES: readonly Family[] = [
  DURATION,
  ANSWER_RRS,
  AUTHORITY_RRS,
  ADDITIONAL_RRS,
  QUERY_SUCCEEDED,
  SERIAL,
];

/** Phases under blackbox_exporter's names: TLS is part of its `connect`. */
export function durationSamples({ resolve, connect, tls, processing }: PhaseSeconds): readonly Sample[] {
  const seconds = {
    resolve,
    connect: connect === undefined ? undefined : connect + (tls ?? 0),
    request: processing,
  };
  return Object.entries(seconds).flatMap(([phase, value]) =>
    value === undefined ? [] : [sample(DURATION, value, { phase })],
  );
}

/**
 * The series of blackbox_exporter for a run without an answer; also the serial number when the question was for one and
 * the answer has none.
 */
export function unmeasuredDns(soaWanted: boolean, measured: readonly Sample[]): readonly Sample[] {
  const answered = measured.some(({ family, value }) => family.name === QUERY_SUCCEEDED.name && value === 1);
  return [
    ...(soaWanted && answered ? [sample(SERIAL, 0)] : []),
    ...durationSamples({ resolve: 0, connect: 0, processing: 0 }),
    sample(ANSWER_RRS, 0),
    sample(AUTHORITY_RRS, 0),
    sample(ADDITIONAL_RRS, 0),
    sample(QUERY_SUCCEEDED, 0),
  ];
}
