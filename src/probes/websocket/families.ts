import type { Family, Sample } from '../../metrics/family.ts';
import { sample } from '../../metrics/family.ts';
import { IP_PROTOCOL } from '../families.ts';
import { TLS_CIPHER, TLS_FAMILIES } from '../net/tls/certificates.ts';
import type { PhaseSeconds } from '../prober.ts';

export const STATUS_CODE: Family = {
  name: 'probe_websocket_status_code',
  type: 'gauge',
  help: 'Response HTTP status code',
  labels: [],
};
export const UPGRADED: Family = {
  name: 'probe_websocket_connection_upgraded',
  type: 'gauge',
  help: 'Indicates if the websocket connection was successfully upgraded',
  labels: [],
};
export const WEBSOCKET_FAILED_DUE_TO_REGEX: Family = {
  name: 'probe_websocket_failed_due_to_regex',
  type: 'gauge',
  help: 'Indicates if probe failed due to regex',
  labels: [],
};
const DURATION: Family = {
  name: 'probe_websocket_duration_seconds',
  type: 'gauge',
  help: 'Duration of websocket request by phase',
  labels: ['phase'],
};

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
