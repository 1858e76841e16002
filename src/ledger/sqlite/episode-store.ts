import type { Statement } from 'better-sqlite3';
import { SEVERITIES, type SeverityClass } from '../../domain/alert.ts';
import type { EpisodeState } from '../../domain/episode.ts';
import type { Meta } from './meta.ts';
import type { Sqlite } from './open.ts';

/** What is stored with an episode besides where it stands. */
export interface EpisodeReceipt {
  readonly webhook: number;
  readonly fingerprint: string;
  readonly receivedAt: number;
  readonly receiver: string;
  /** The offset of the event that tells of the transition. */
  readonly event: number;
}

export interface KnownEpisode {
  readonly id: number;
  /** First receipt, milliseconds since the epoch. */
  readonly since: number;
  /** The offset of its newest event. */
  readonly lastEvent: number;
  readonly state: EpisodeState;
}

/** With integers as BigInt, for nanoseconds do not fit a double. */
interface LatestRow {
  readonly id: bigint;
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
  readonly last_event: bigint;
  readonly generator_url: string;
  readonly labels: string;
  readonly annotations: string;
}

const LAST = 'episodes_last';
const STATE_COLUMNS =
  'ordinal, open, severity, acknowledged, starts, anchor, ends, former_until, last_received, last_event, receiver, generator_url, labels, annotations';
type Value = number | bigint | string | null;

/** The newest and the former episodes of every alert. Writes only within a transaction. */
export class EpisodeStore {
  readonly #meta: Meta;
  readonly #latest: Statement<[bigint, number], LatestRow>;
  readonly #insert: Statement<Value[]>;
  readonly #update: Statement<Value[]>;
  readonly #touch: Statement<[number, bigint, bigint | null, number]>;
  readonly #expired: Statement<[number, number, number]>;
  #last: number;
  #sweptTo = 0;

  constructor(database: Sqlite, meta: Meta) {
    this.#meta = meta;
    this.#latest = database
      .prepare<[bigint, number], LatestRow>(
        'SELECT * FROM episodes WHERE fingerprint = ? AND webhook = ? ORDER BY number DESC LIMIT 1',
      )
      .safeIntegers();
    const marks = STATE_COLUMNS.replaceAll(/\w+/g, '?');
    this.#insert = database.prepare(
      `INSERT INTO episodes (${STATE_COLUMNS}, id, number, webhook, fingerprint, first_received) VALUES (${marks}, ?, ?, ?, ?, ?)`,
    );
    this.#update = database.prepare(`UPDATE episodes SET (${STATE_COLUMNS}) = (${marks}) WHERE id = ?`);
    this.#touch = database.prepare(
      'UPDATE episodes SET last_received = ?, starts = ?, ends = ? WHERE id = ?',
    );
    this.#expired = database.prepare(
      'DELETE FROM episodes WHERE id > ? AND id <= ? AND open = 0 AND last_received < ?',
    );
    const newest = database.prepare<[], number | null>('SELECT max(id) FROM episodes').pluck().get() ?? 0;
    this.#last = Math.max(newest, meta.number(LAST));
  }

  /** The newest episode of an alert. */
  latest(webhook: number, fingerprint: string): KnownEpisode | undefined {
    const row = this.#latest.get(fingerprintNumber(fingerprint), webhook);
    if (row === undefined) return undefined;
    const [id, since, lastEvent] = [Number(row.id), Number(row.first_received), Number(row.last_event)];
    return { id, since, lastEvent, state: stateOf(row) };
  }

  /** Stores a new episode. @returns its id */
  insert(state: EpisodeState, receipt: EpisodeReceipt): number {
    const { webhook, receivedAt } = receipt;
    const fingerprint = fingerprintNumber(receipt.fingerprint);
    this.#last++;
    this.#insert.run(...columns(state, receipt), this.#last, state.number, webhook, fingerprint, receivedAt);
    return this.#last;
  }

  update(id: number, state: EpisodeState, receipt: EpisodeReceipt): void {
    this.#update.run(...columns(state, receipt), id);
  }

  /** A repeat: only the time of receipt and the outer times may have moved. */
  touch(id: number, state: EpisodeState, receivedAt: number): void {
    this.#touch.run(receivedAt, state.startsAt, state.endsAt ?? null, id);
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
    severity: severityFromNumber(Number(row.severity)),
    labels: row.labels,
    annotations: row.annotations,
    generatorUrl: row.generator_url,
  };
}

/** In the order of `STATE_COLUMNS`. */
function columns(state: EpisodeState, { receivedAt, receiver, event }: EpisodeReceipt): Value[] {
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
