import { SEVERITIES, type SeverityClass } from '../../../alerts/alert.ts';
import type { LabelSet } from '../../../domain/labels.ts';
import type { Acknowledgement, EpisodeState, Reporter, Suspicion } from '../../../alerts/episode.ts';
import { nextTimer } from '../../../alerts/episode-actions.ts';
import type { EpisodeReceipt, StoredEpisode } from './episode-table.ts';
import { rowValidator, type Shape } from '../database/row-shape.ts';
import { decodeTexts, type AlertTexts } from '../events/segment.ts';

/** Integers are BigInt, since nanoseconds do not fit in a double. */
export interface EpisodeRow {
  readonly id: bigint;
  readonly webhook: bigint;
  readonly fingerprint: bigint;
  readonly number: bigint;
  readonly ordinal: bigint;
  readonly open: bigint;
  readonly severity: bigint;
  readonly acknowledged: bigint;
  readonly starts: bigint;
  readonly anchor: bigint;
  readonly anchor_given: bigint | null;
  readonly ends: bigint | null;
  readonly former_until: bigint | null;
  readonly reported_end: bigint | null;
  readonly first_received: bigint;
  readonly last_received: bigint;
  readonly last_event: bigint;
  readonly since: bigint;
  readonly closed_at: bigint | null;
  readonly closed_by: string | null;
  readonly suspect_until: bigint | null;
  readonly suspect_same: bigint | null;
  readonly ack_by: string | null;
  readonly ack_comment: string | null;
  readonly ack_at: bigint | null;
  readonly ack_expires: bigint | null;
  readonly receiver: string;
  readonly texts: string | null;
}

export const EPISODE_SHAPE: Shape<EpisodeRow> = Object.freeze({
  ...{ id: 'integer', webhook: 'integer', fingerprint: 'integer', number: 'integer', ordinal: 'integer' },
  ...{ open: 'integer', severity: 'integer', acknowledged: 'integer', starts: 'integer', anchor: 'integer' },
  ...{ anchor_given: 'integer or null', ends: 'integer or null', former_until: 'integer or null' },
  ...{
    reported_end: 'integer or null',
    first_received: 'time',
    last_received: 'time',
    last_event: 'integer',
  },
  ...{ since: 'time', closed_at: 'time or null', closed_by: 'text or null', suspect_until: 'time or null' },
  ...{ suspect_same: 'integer or null', ack_by: 'text or null', ack_comment: 'text or null' },
  ...{ ack_at: 'time or null', ack_expires: 'time or null', receiver: 'text', texts: 'text or null' },
});
/** @throws Error if a column is damaged */
export const checkEpisode = rowValidator(EPISODE_SHAPE);

/** The texts of an alert's event; undefined if the event is gone. @throws Error if it is unreadable */
export type AlertTextsOf = (event: number) => AlertTexts | undefined;

export const STATE_COLUMNS =
  'ordinal, open, severity, acknowledged, starts, anchor, anchor_given, ends, reported_end, former_until, last_received, last_event, receiver, since, timer, closed_at, closed_by, suspect_until, suspect_same, ack_by, ack_comment, ack_at, ack_expires';
export const IDENTITY_COLUMNS = 'id, number, webhook, fingerprint, first_received, former';
export const STATE_MARKS = STATE_COLUMNS.replaceAll(/\w+/g, '?');
export const IDENTITY_MARKS = IDENTITY_COLUMNS.replaceAll(/\w+/g, '?');
export type Value = number | bigint | string | null;
const NO_REPORTERS: readonly Reporter[] = Object.freeze([]);

/** @throws Error if the row is unreadable */
export function storedEpisodeOf(row: EpisodeRow, textsOf: AlertTextsOf): StoredEpisode {
  checkEpisode(row);
  return {
    id: Number(row.id),
    webhook: Number(row.webhook),
    fingerprint: fingerprintFromNumber(row.fingerprint),
    lastEvent: Number(row.last_event),
    lastReceivedAt: Number(row.last_received),
    receiver: row.receiver,
    state: stateOf(row, readTexts(row, textsOf)),
  };
}

/** The labels and annotations of an episode. @throws Error if they are unreadable */
export function readTexts(
  { texts, last_event: event }: { readonly texts: string | null; readonly last_event: number | bigint },
  textsOf: AlertTextsOf,
): AlertTexts {
  const found = texts === null ? textsOf(Number(event)) : decodeTexts(texts);
  if (found === undefined) throw new Error(`its last event, ${event}, is missing or damaged`);
  // parsing would cost too much here: a truncated text shows at its end
  for (const text of [found.labels, found.annotations])
    if (!text.startsWith('{') || !text.endsWith('}'))
      throw new Error('its labels or annotations are truncated');
  return found;
}

/** Parses a text written by `canonicalLabels`. @throws Error if it is not one */
export function labelsOf(text: string): LabelSet {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error('its labels are not a JSON object');
  return value as LabelSet;
}

function stateOf(row: EpisodeRow, { labels, annotations, generatorUrl }: AlertTexts): EpisodeState {
  return {
    number: Number(row.number),
    ordinal: Number(row.ordinal),
    open: row.open === 1n,
    startsAt: row.starts,
    anchor: row.anchor,
    anchorGiven: row.anchor_given ?? row.anchor,
    endsAt: row.ends ?? undefined,
    reportedEnd: row.reported_end ?? undefined,
    formerUntil: row.former_until ?? undefined,
    acknowledged: row.acknowledged === 1n,
    acknowledgement: acknowledgementOf(row),
    unacknowledgedSince: Number(row.since),
    closedAt: optionalNumber(row.closed_at),
    closedBy: row.closed_by === null ? NO_REPORTERS : readReporters(row.closed_by),
    suspect: suspicionOf(row),
    severity: severityFromNumber(Number(row.severity)),
    labels,
    annotations,
    generatorUrl,
  };
}

/** The acknowledgement in a row; undefined if it has none. */
export function acknowledgementOf(row: EpisodeRow): Acknowledgement | undefined {
  const { ack_by: by, ack_comment: comment, ack_at: at, ack_expires: expires } = row;
  if (by === null) return undefined;
  return { by, comment: comment ?? '', at: Number(at), expiresAt: optionalNumber(expires) };
}

function optionalNumber(value: bigint | null): number | undefined {
  return value === null ? undefined : Number(value);
}

/** @throws Error if they are unreadable */
export function readReporters(text: string): readonly Reporter[] {
  const value: unknown = JSON.parse(text);
  if (!Array.isArray(value) || !value.every(Number.isInteger))
    throw new Error('its column closed_by is not a JSON array of integers');
  return value as Reporter[];
}

export function reportersValue(reporters: readonly Reporter[]): string | null {
  return reporters.length === 0 ? null : JSON.stringify(reporters);
}

/** The columns of a suspicion. */
export function suspicionValues(suspect: Suspicion | undefined): [until: Value, sameStart: Value] {
  if (suspect === undefined) return [null, null];
  return [suspect.until, suspect.sameStart ? 1 : 0];
}

function suspicionOf({ suspect_until: until, suspect_same: same }: EpisodeRow): Suspicion | undefined {
  return until === null ? undefined : { until: Number(until), sameStart: same === 1n };
}

/** In the order of `STATE_COLUMNS`. */
export function stateColumns(state: EpisodeState, { receivedAt, receiver, event }: EpisodeReceipt): Value[] {
  const { acknowledgement } = state;
  return [
    state.ordinal,
    state.open ? 1 : 0,
    severityNumber(state.severity),
    state.acknowledged ? 1 : 0,
    state.startsAt,
    state.anchor,
    state.anchorGiven === state.anchor ? null : state.anchorGiven,
    state.endsAt ?? null,
    state.reportedEnd ?? null,
    state.formerUntil ?? null,
    receivedAt,
    event,
    receiver,
    state.unacknowledgedSince,
    nextTimer(state) ?? null,
    state.closedAt ?? null,
    reportersValue(state.closedBy),
    ...suspicionValues(state.suspect),
    acknowledgement?.by ?? null,
    acknowledgement?.comment ?? null,
    acknowledgement?.at ?? null,
    acknowledgement?.expiresAt ?? null,
  ];
}

/** A fingerprint as stored: its 64 bits as a signed number, a third of the size of its digits. */
export function fingerprintNumber(fingerprint: string): bigint {
  return BigInt.asIntN(64, BigInt(`0x${fingerprint}`));
}

export function fingerprintFromNumber(number: bigint): string {
  return BigInt.asUintN(64, number).toString(16).padStart(16, '0');
}

/** A severity as stored: its index in `SEVERITIES`. */
export function severityNumber(severity: SeverityClass): number {
  return SEVERITIES.indexOf(severity);
}

export function severityFromNumber(number: number): SeverityClass {
  return SEVERITIES[number] ?? 'other';
}
