import type { Statement } from 'better-sqlite3';
import { SEVERITIES, type SeverityClass } from '../../domain/alert.ts';
import type { Acknowledgement, EpisodeState } from '../../domain/episode.ts';
import type { EpisodeReceipt, EpisodeTable, KnownEpisode } from './episode-table.ts';
import type { Meta } from './meta.ts';
import type { Sqlite } from './open.ts';

/** With integers as BigInt, for nanoseconds do not fit a double. */
interface LatestRow {
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
  readonly ends: bigint | null;
  readonly former_until: bigint | null;
  readonly first_received: bigint;
  readonly last_received: bigint;
  readonly last_event: bigint;
  readonly since: bigint | null;
  readonly closed_at: bigint | null;
  readonly closed_by: string | null;
  readonly suspect_until: bigint | null;
  readonly ack_by: string | null;
  readonly ack_comment: string | null;
  readonly ack_at: bigint | null;
  readonly ack_expires: bigint | null;
  readonly receiver: string;
  readonly generator_url: string;
  readonly labels: string;
  readonly annotations: string;
}

const LAST = 'episodes_last';
export const STATE_COLUMNS =
  'ordinal, open, severity, acknowledged, starts, anchor, ends, former_until, last_received, last_event, receiver, generator_url, labels, annotations, since, timer, closed_at, closed_by, suspect_until, ack_by, ack_comment, ack_at, ack_expires';
export const STATE_MARKS = STATE_COLUMNS.replaceAll(/\w+/g, '?');
type Value = number | bigint | string | null;

/** When an episode has something to do by itself; of `alerts/`. */
export type NextTimer = (state: EpisodeState) => number | undefined;

/** The newest and the former episodes of every alert. Writes only within a transaction. */
export class EpisodeStore implements EpisodeTable {
  readonly #meta: Meta;
  readonly #nextTimer: NextTimer;
  readonly #latest: Statement<[bigint, number], LatestRow>;
  readonly #byId: Statement<[number], LatestRow>;
  readonly #due: Statement<[number, number], number>;
  readonly #silent: Statement<
    [number, number, number],
    { id: number; webhook: number; last_received: number }
  >;
  readonly #insert: Statement<Value[]>;
  readonly #update: Statement<Value[]>;
  readonly #touch: Statement<Value[]>;
  readonly #expired: Statement<[number, number, number]>;
  #last: number;
  #sweptTo = 0;

  constructor(database: Sqlite, meta: Meta, nextTimer: NextTimer) {
    this.#meta = meta;
    this.#nextTimer = nextTimer;
    this.#latest = database
      .prepare<[bigint, number], LatestRow>(
        'SELECT * FROM episodes WHERE fingerprint = ? AND webhook = ? ORDER BY number DESC LIMIT 1',
      )
      .safeIntegers();
    this.#byId = database.prepare<[number], LatestRow>('SELECT * FROM episodes WHERE id = ?').safeIntegers();
    this.#due = database
      .prepare<[number, number], number>('SELECT id FROM episodes WHERE timer <= ? ORDER BY timer LIMIT ?')
      .pluck();
    this.#silent = database.prepare(
      `SELECT id, webhook, last_received FROM episodes INDEXED BY episodes_state
       WHERE open = 1 AND severity = ? AND id > ? ORDER BY id LIMIT ?`,
    );
    this.#insert = database.prepare(
      `INSERT INTO episodes (${STATE_COLUMNS}, id, number, webhook, fingerprint, first_received) VALUES (${STATE_MARKS}, ?, ?, ?, ?, ?)`,
    );
    this.#update = database.prepare(`UPDATE episodes SET (${STATE_COLUMNS}) = (${STATE_MARKS}) WHERE id = ?`);
    this.#touch = database.prepare(
      `UPDATE episodes SET last_received = ?, starts = ?, ends = ?, closed_by = ?, suspect_until = ?, timer = ?
       WHERE id = ?`,
    );
    this.#expired = database.prepare(
      'DELETE FROM episodes WHERE id > ? AND id <= ? AND open = 0 AND last_received < ?',
    );
    const newest = database.prepare<[], number | null>('SELECT max(id) FROM episodes').pluck().get() ?? 0;
    this.#last = Math.max(newest, meta.number(LAST));
  }

  /** The newest episode of an alert. */
  latest(webhook: number, fingerprint: string): KnownEpisode | undefined {
    return knownOf(this.#latest.get(fingerprintNumber(fingerprint), webhook));
  }

  byId(id: number): KnownEpisode | undefined {
    return knownOf(this.#byId.get(id));
  }

  /** Episodes whose timer has come, at most `limit`. */
  due(now: number, limit: number): readonly number[] {
    return this.#due.all(now, limit);
  }

  /** Open episodes of a severity, in the order of their ids. */
  openAfter(severity: SeverityClass, id: number, limit: number) {
    return this.#silent.all(severityNumber(severity), id, limit);
  }

  /** An id that no episode has. */
  newId(): number {
    this.#last++;
    return this.#last;
  }

  /** Stores a new episode. @returns its id */
  insert(state: EpisodeState, receipt: EpisodeReceipt): number {
    const id = this.newId();
    this.#insert.run(...columns(state, receipt, this.#nextTimer), ...identity(id, state, receipt));
    return id;
  }

  update({ id }: KnownEpisode, state: EpisodeState, receipt: EpisodeReceipt): void {
    this.#update.run(...columns(state, receipt, this.#nextTimer), id);
  }

  /** A repeat: only the time of receipt and the outer times may have moved. */
  touch({ id }: KnownEpisode, state: EpisodeState, receivedAt: number): void {
    const { startsAt, endsAt, closedBy, suspectUntil } = state;
    const timer = this.#nextTimer(state) ?? null;
    this.#touch.run(receivedAt, startsAt, endsAt ?? null, listOf(closedBy), suspectUntil ?? null, timer, id);
  }

  mark(): () => void {
    const last = this.#last;
    return () => {
      this.#last = last;
    };
  }

  /** Looks at the next `slice` ids and removes closed episodes last heard of before `cutoff`; whether ids are left. */
  prune(cutoff: number, slice: number): boolean {
    const through = this.#sweptTo + slice;
    if (this.#expired.run(this.#sweptTo, through, cutoff).changes > 0) this.#meta.set(LAST, this.#last);
    this.#sweptTo = through < this.#last ? through : 0;
    return this.#sweptTo > 0;
  }
}

function knownOf(row: LatestRow | undefined): KnownEpisode | undefined {
  if (row === undefined) return undefined;
  return {
    id: Number(row.id),
    webhook: Number(row.webhook),
    fingerprint: fingerprintFromNumber(row.fingerprint),
    lastEvent: Number(row.last_event),
    lastReceivedAt: Number(row.last_received),
    receiver: row.receiver,
    state: stateOf(row),
  };
}

function stateOf(row: LatestRow): EpisodeState {
  return {
    number: Number(row.number),
    ordinal: Number(row.ordinal),
    open: row.open === 1n,
    startsAt: row.starts,
    anchor: row.anchor,
    endsAt: row.ends ?? undefined,
    formerUntil: row.former_until ?? undefined,
    acknowledged: row.acknowledged === 1n,
    acknowledgement: row.ack_by === null ? undefined : acknowledgementOf(row, row.ack_by),
    unacknowledgedSince: Number(row.since ?? row.first_received),
    closedAt: optionalNumber(row.closed_at),
    closedBy: row.closed_by === null ? [] : (JSON.parse(row.closed_by) as string[]),
    suspectUntil: optionalNumber(row.suspect_until),
    severity: severityFromNumber(Number(row.severity)),
    labels: row.labels,
    annotations: row.annotations,
    generatorUrl: row.generator_url,
  };
}

function acknowledgementOf(row: LatestRow, by: string): Acknowledgement {
  const { ack_comment: comment, ack_at: at, ack_expires: expires } = row;
  return { by, comment: comment ?? '', at: Number(at), expiresAt: optionalNumber(expires) };
}

function optionalNumber(value: bigint | null): number | undefined {
  return value === null ? undefined : Number(value);
}

function listOf(peers: readonly string[]): string | null {
  return peers.length === 0 ? null : JSON.stringify(peers);
}

/** `id, number, webhook, fingerprint, first_received` */
export function identity(id: number, state: EpisodeState, receipt: EpisodeReceipt): Value[] {
  return [id, state.number, receipt.webhook, fingerprintNumber(receipt.fingerprint), receipt.receivedAt];
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
    state.endsAt ?? null,
    state.formerUntil ?? null,
    receivedAt,
    event,
    receiver,
    state.generatorUrl,
    state.labels,
    state.annotations,
    state.unacknowledgedSince,
    nextTimer(state) ?? null,
    state.closedAt ?? null,
    listOf(state.closedBy),
    state.suspectUntil ?? null,
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
