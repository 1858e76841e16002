import { defineFamily, type Family, type Sample } from '../../metrics/family.ts';
import { sample } from '../../metrics/family.ts';
import { IP_PROTOCOL } from '../families.ts';
import { TLS_CIPHER, TLS_FAMILIES } from '../net/tls/certificates.ts';
import type { PhaseSeconds } from '../prober.ts';

export const STATUS_CODE = defineFamily('gauge', 'probe_websocket_status_code', 'Response HTTP status code');
export const UPGRADED = defineFamily(
  'gauge',
  'probe_websocket_connection_upgraded',
  'Indicates if the websocket connection was successfully upgraded',
);
export const WEBSOCKET_FAILED_DUE_TO_REGEX = defineFamily(
  'gauge',
  'probe_websocket_failed_due_to_regex',
  'Indicates if probe failed due to regex',
);
const DURATION = defineFamily(
  'gauge',
  'probe_websocket_duration_seconds',
  'Duration of websocket request by phase',
  ['phase'],
);

export const WEBSOCKET_FAMILIES: readonly Family[] = [
  STATUS_CODE,
  UPGRADED,
  WEBSOCKET_FAILED_DUE_TO_REGEX,
  DURATION,
  ...TLS_FAMILIES,
  TLS_CIPHER,
];

/** Seconds under blackbox_exporter's phases: the TLS and WebSocket handshakes are its `processing`. */
export function websocketDurations(phases: PhaseSeconds): readonly Sample[] {
  const { resolve, connect, tls, processing, transfer } = phases;
  const handshakes = tls === undefined ? processing : tls + (processing ?? 0);
  return Object.entries({ resolve, connect, processing: handshakes, transfer }).flatMap(([phase, seconds]) =>
    seconds === undefined ? [] : [sample(DURATION, seconds, { phase })],
  );
}

/** blackbox_exporter's values for what a run did not reach. */
export function unmeasuredWebsocket(measured: readonly Sample[]): readonly Sample[] {
  const resolved = measured.some(({ family }) => family.name === IP_PROTOCOL.name);
  return [
    ...[STATUS_CODE, UPGRADED, WEBSOCKET_FAILED_DUE_TO_REGEX].map((family) => sample(family, 0)),
    ...(resolved ? [sample(DURATION, 0, { phase: 'processing' })] : []),
  ];
}
