import { systemClock, type Clock, type EpochMs } from '../../domain/clock.ts';
import type { Acknowledgement } from '../../alerts/episode.ts';
import { parseEventId, type CloudEvent, type NewEvent } from '../../domain/event.ts';
import type { Logger } from '../../domain/log.ts';
import { cloudEvent } from '../cloud-event.ts';
import { EMPTY_TOTALS } from '../alert-totals.ts';
import type {
  AcknowledgeResult,
  AlertQuery,
  AlertRules,
  DeadLetter,
  Episode,
  EventPage,
  EventQuery,
  HistoryPoint,
  HistoryQuery,
  IntakeResult,
  LastRun,
  Ledger,
  LedgerSummary,
  ListQuery,
  QuarantineEntry,
  RawDelivery,
  RunRecord,
  SinkProgress,
  StoredDelivery,
} from '../ledger.ts';
import type { AlertmanagerSnapshot, ReconcileResult } from '../alertmanager-snapshot.ts';
import type { EventSliceQuery, Retention } from './protocol.ts';
import { ThreadLink } from './link.ts';
import { UnreadableRows } from '../unreadable-rows.ts';

export interface ThreadLedgerOptions {
  /** The thread's compiled entry point: `dist/app/threads/ledger-thread.js`. */
  readonly threadUrl: URL;
  /** Absolute path of the ledger's file; its directory is created if missing. */
  readonly path: string;
  /** This Tocsin's name in the `source` of its events. */
  readonly node: string;
  readonly retention: Retention;
  /** How far apart reported starts of one life may be. */
  readonly toleranceMs: number;
  /** See `ThreadOptions`. */
  readonly heartbeat?: Int32Array;
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly callTimeoutMs?: number;
  readonly maxBytesInFlight?: number;
}

const CALL_TIMEOUT_MS = 5_000;
const MAX_BYTES_IN_FLIGHT = 256 * 2 ** 20;
const MAX_ROWS = 10_000;
/** Long answers are fetched in slices, so that they block neither thread. */
const SLICE = 500;
const SLICE_BYTES = 256 * 1_024;

const EMPTY_SUMMARY: LedgerSummary = Object.freeze({
  open: [],
  unacknowledged: [],
  unacknowledgedOverflow: 0,
  transitions: {},
  epoch: '',
  totals: EMPTY_TOTALS,
  watchdogs: [],
  unreadableRows: {},
  lastOffset: 0,
  fileBytes: 0,
  commits: 0,
  commitSeconds: 0,
  failedCommits: 0,
});

/** The ledger, run by a worker thread: the caller's event loop neither parses bodies nor waits for the disk. */
export class ThreadLedger implements Ledger {
  readonly #link: ThreadLink;
  readonly #node: string;
  /** Unreadable events: events are parsed on this side. */
  readonly #unreadable: UnreadableRows;
  #summary = EMPTY_SUMMARY;
  readonly #watchers: (() => void)[] = [];

  private constructor(options: ThreadLedgerOptions) {
    const { threadUrl, path, toleranceMs, retention, heartbeat, logger } = options;
    this.#node = options.node;
    this.#unreadable = new UnreadableRows(logger);
    this.#unreadable.onChange(() => this.#notify());
    this.#link = new ThreadLink({
      threadUrl,
      thread: { path, toleranceMs, retention, ...(heartbeat && { heartbeat }) },
      logger,
      clock: options.clock ?? systemClock,
      callTimeoutMs: options.callTimeoutMs ?? CALL_TIMEOUT_MS,
      maxBytesInFlight: options.maxBytesInFlight ?? MAX_BYTES_IN_FLIGHT,
      onSummary: (summary) => {
        this.#summary = summary;
        this.#notify();
      },
    });
  }

  /**
   * Starts the thread and waits until its file is open.
   * @throws LedgerStartError if that fails: not writable, in use, damaged, or written by a newer Tocsin; the message
   * says what to do
   */
  static async start(options: ThreadLedgerOptions): Promise<ThreadLedger> {
    const ledger = new ThreadLedger(options);
    await ledger.#link.start();
    return ledger;
  }

  intake(delivery: RawDelivery): Promise<IntakeResult> {
    const { body, transfer } = transferable(delivery.body);
    return this.#link.call('intake', { argument: { ...delivery, body }, bytes: body.byteLength, transfer });
  }

  async append(events: readonly NewEvent[]): Promise<void> {
    await this.#link.call('append', { argument: events });
  }

  async recordRuns(runs: readonly RunRecord[]): Promise<void> {
    await this.#link.call('recordRuns', { argument: runs });
  }

  lastRuns(since: EpochMs): Promise<readonly LastRun[]> {
    return this.#link.call('lastRuns', { argument: since });
  }

  async events(query: EventQuery): Promise<EventPage> {
    const limit = Math.min(query.limit, MAX_ROWS);
    const { maxBytes } = query;
    const events: CloudEvent[] = [];
    let bytes = 0;
    const below = query.below === undefined ? undefined : parseEventId(query.below);
    let ask: EventSliceQuery = {
      ...query,
      limit: Math.min(limit, SLICE),
      maxBytes: maxBytes ?? SLICE_BYTES,
      ...(below && { before: below.offset }),
    };
    for (;;) {
      const slice = await this.#link.call('events', { argument: ask });
      if ('gone' in slice) return slice;
      for (const event of slice.events) {
        const read = () => cloudEvent(event, slice.epoch, this.#node);
        const one = this.#unreadable.readOrSkip('segments', event.offset, read);
        if (one !== undefined) events.push(one);
      }
      const next = `${slice.epoch}-${slice.next}`;
      const rest = limit - events.length;
      bytes += slice.events.reduce((sum, { data }) => sum + data.length, 0);
      const isEnough = rest === 0 || (maxBytes !== undefined && bytes >= maxBytes);
      if (!slice.full || isEnough) return query.order === 'desc' ? { events } : { events, nextAfter: next };
      const onward = query.order === 'desc' ? { before: slice.next } : { after: next };
      ask = { ...ask, ...onward, limit: Math.min(rest, SLICE) };
    }
  }

  alerts(query: AlertQuery): Promise<readonly Episode[]> {
    return this.#link.call('alerts', { argument: withRowLimit(query) });
  }

  alert(id: string): Promise<Episode | undefined> {
    return this.#link.call('alert', { argument: id });
  }

  acknowledge(id: string, acknowledgement: Acknowledgement): Promise<AcknowledgeResult> {
    return this.#link.call('acknowledge', { argument: { id, acknowledgement } });
  }

  unacknowledge(id: string, at: EpochMs): Promise<AcknowledgeResult> {
    return this.#link.call('unacknowledge', { argument: { id, at } });
  }

  reconcile(snapshot: AlertmanagerSnapshot): Promise<ReconcileResult> {
    const sizes = snapshot.responses.map(({ body, groups }) => body.byteLength + (groups?.byteLength ?? 0));
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    return this.#link.call('reconcile', { argument: snapshot, bytes });
  }

  quarantine(query: ListQuery): Promise<readonly QuarantineEntry[]> {
    return this.#link.call('quarantine', { argument: withRowLimit(query) });
  }

  quarantineEntry(id: number): Promise<QuarantineEntry | undefined> {
    return this.#link.call('quarantineEntry', { argument: id });
  }

  dropQuarantined(id: number): Promise<boolean> {
    return this.#link.call('dropQuarantined', { argument: id });
  }

  async configure(rules: AlertRules): Promise<void> {
    this.#link.setRules(rules);
    await this.#link.call('configure', { argument: rules });
  }

  deliveries(query: ListQuery): Promise<readonly StoredDelivery[]> {
    return this.#link.call('deliveries', { argument: withRowLimit(query) });
  }

  openSink(sink: string): Promise<string> {
    return this.#link.call('openSink', { argument: sink });
  }

  async saveSink(progress: SinkProgress): Promise<void> {
    await this.#link.call('saveSink', { argument: progress });
  }

  deadLetters(sink: string): Promise<readonly DeadLetter[]> {
    return this.#link.call('deadLetters', { argument: sink });
  }

  history(query: HistoryQuery): Promise<readonly HistoryPoint[]> {
    return this.#link.call('history', { argument: query });
  }

  summary(): LedgerSummary {
    const unreadableRows = { ...this.#summary.unreadableRows };
    for (const [table, count] of Object.entries(this.#unreadable.counts))
      unreadableRows[table] = (unreadableRows[table] ?? 0) + count;
    return { ...this.#summary, unreadableRows };
  }

  onChange(changed: () => void): void {
    this.#watchers.push(changed);
  }

  #notify(): void {
    for (const changed of this.#watchers) changed();
  }

  writable(): boolean {
    return this.#link.unwritableReason === undefined;
  }

  unwritableReason(): string | undefined {
    return this.#link.unwritableReason;
  }

  close(): Promise<void> {
    return this.#link.close();
  }
}

function withRowLimit<Query extends { readonly limit: number }>(query: Query): Query {
  return { ...query, limit: Math.min(query.limit, MAX_ROWS) };
}

/**
 * A body that has its buffer to itself is transferred without a copy (the caller's view of it becomes empty); a small
 * one is part of Node's pool and is copied.
 */
function transferable(body: Uint8Array): { body: Uint8Array; transfer: readonly ArrayBuffer[] } {
  const { buffer } = body;
  const alone = body.byteLength === buffer.byteLength && buffer instanceof ArrayBuffer;
  if (alone && body.byteLength > 0) return { body, transfer: [buffer] };
  const copy = new Uint8Array(body.byteLength);
  if (body.byteLength > 0) copy.set(body);
  return { body: copy, transfer: [copy.buffer] };
}
