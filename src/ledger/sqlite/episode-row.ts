import { SEVERITIES, type SeverityClass } from '../../domain/alert.ts';
import type { Acknowledgement, EpisodeState, Reporter, Suspicion } from '../../domain/episode.ts';
import type { EpisodeReceipt, KnownEpisode } from './episode-table.ts';
import { readKept, type Texts } from './segment.ts';

/** With integers as BigInt, for nanoseconds do not fit a double. */
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

/** What an event said of its alert; undefined when it is gone. */
export type TextsOf = (event: number) => Texts | undefined;

export const STATE_COLUMNS =
  'ordinal, open, severity, acknowledged, starts, anchor, anchor_given, ends, reported_end, former_until, last_received, last_event, receiver, since, timer, closed_at, closed_by, suspect_until, suspect_same, ack_by, ack_comment, ack_at, ack_expires';
export const IDENTITY_COLUMNS = 'id, number, webhook, fingerprint, first_received, former';
export const STATE_MARKS = STATE_COLUMNS.replaceAll(/\w+/g, '?');
export const IDENTITY_MARKS = IDENTITY_COLUMNS.replaceAll(/\w+/g, '?');
export type Value = number | bigint | string | null;
const NO_REPORTERS: readonly Reporter[] = Object.freeze([]);

/** When an episode has something to do by itself; of `alerts/`. */
export type NextTimer = (state: EpisodeState) => number | undefined;

export function knownOf(row: EpisodeRow, textsOf: TextsOf): KnownEpisode {
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

/** What is said of an episode's alert. */
export function readTexts(
  { texts, last_event: event }: { readonly texts: string | null; readonly last_event: number | bigint },
  textsOf: TextsOf,
): Texts {
  const found = texts === null ? textsOf(Number(event)) : readKept(texts);
  if (found === undefined) throw new Error(`event ${event}, the last of an episode, is missing`);
  return found;
}

function stateOf(row: EpisodeRow, { labels, annotations, generatorUrl }: Texts): EpisodeState {
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
    acknowledgement: row.ack_by === null ? undefined : acknowledgementOf(row, row.ack_by),
    unacknowledgedSince: Number(row.since),
    closedAt: optionalNumber(row.closed_at),
    closedBy: row.closed_by === null ? NO_REPORTERS : (JSON.parse(row.closed_by) as Reporter[]),
    suspect: suspicionOf(row),
    severity: severityFromNumber(Number(row.severity)),
    labels,
    annotations,
    generatorUrl,
  };
}

function acknowledgementOf(row: EpisodeRow, by: string): Acknowledgement {
  const { ack_comment: comment, ack_at: at, ack_expires: expires } = row;
  return { by, comment: comment ?? '', at: Number(at), expiresAt: optionalNumber(expires) };
}

function optionalNumber(value: bigint | null): number | undefined {
  return value === null ? undefined : Number(value);
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
export function columns(
  state: EpisodeState,
  { receivedAt, receiver, event }: EpisodeReceipt,
  nextTimer: NextTimer,
): Value[] {
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

/** How a fingerprint is stored: its 64 bits as a signed number, a third of the size of its digits. */
export function fingerprintNumber(fingerprint: string): bigint {
  return BigInt.asIntN(64, BigInt(`0x${fingerprint}`));
}

export function fingerprintFromNumber(number: bigint): string {
  return BigInt.asUintN(64, number).toString(16).padStart(16, '0');
}

/** How a severity is stored: its place in `SEVERITIES`. */
export function severityNumber(severity: SeverityClass): number {
  return SEVERITIES.indexOf(severity);
}

export function severityFromNumber(number: number): SeverityClass {
  return SEVERITIES[number] ?? 'other';
}
