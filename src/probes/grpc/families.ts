import { defineFamily, type Family, type Sample } from '../../metrics/family.ts';
import { sample } from '../../metrics/family.ts';
import { LAST_CHAIN_EXPIRY, TLS_FAMILIES } from '../net/tls/certificates.ts';
import type { PhaseSeconds } from '../prober.ts';

const DURATION = defineFamily('gauge', 'probe_grpc_duration_seconds', 'Duration of gRPC request by phase', [
  'phase',
]);
export const GRPC_SSL = defineFamily(
  'gauge',
  'probe_grpc_ssl',
  'Indicates if SSL was used for the connection',
);
const STATUS_CODE = defineFamily('gauge', 'probe_grpc_status_code', 'Response gRPC status code');
const HEALTHCHECK_RESPONSE = defineFamily(
  'gauge',
  'probe_grpc_healthcheck_response',
  'Response HealthCheck response',
  ['serving_status'],
);

export const GRPC_FAMILIES: readonly Family[] = [
  DURATION,
  GRPC_SSL,
  STATUS_CODE,
  HEALTHCHECK_RESPONSE,
  ...TLS_FAMILIES.filter((family) => family !== LAST_CHAIN_EXPIRY),
];

const SERVING_STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;

/** The name of a serving status; for an unknown one, its number. */
export function servingStatusName(status: number): string {
  return SERVING_STATUSES[status] ?? String(status);
}

/** The certificate's samples, without the one family that blackbox_exporter exposes for the other probers only. */
export function certificateSamples(samples: readonly Sample[]): readonly Sample[] {
  return samples.filter(({ family }) => family !== LAST_CHAIN_EXPIRY);
}

/** The phase `check` is everything after name resolution. */
export function grpcDurations({ resolve, ...rest }: PhaseSeconds): readonly Sample[] {
  const parts = Object.values(rest);
  return [
    ...(resolve === undefined ? [] : [sample(DURATION, resolve, { phase: 'resolve' })]),
    ...(parts.length === 0
      ? []
      : [
          sample(
            DURATION,
            parts.reduce((sum, part) => sum + part, 0),
            { phase: 'check' },
          ),
        ]),
  ];
}

/**
 * The samples of a check that was made.
 * @param serving the serving status; undefined if the server reported none
 */
export function checkSamples(code: number, serving: string | undefined): readonly Sample[] {
  const names = new Set<string>([...SERVING_STATUSES, ...(serving === undefined ? [] : [serving])]);
  return [
    sample(STATUS_CODE, code),
    ...[...names].map((name) =>
      sample(HEALTHCHECK_RESPONSE, name === serving ? 1 : 0, { serving_status: name }),
    ),
  ];
}

/** The series of blackbox_exporter for a run without a check. */
export function unmeasuredGrpc(): readonly Sample[] {
  return [sample(DURATION, 0, { phase: 'resolve' }), sample(GRPC_SSL, 0), sample(STATUS_CODE, 0)];
}
