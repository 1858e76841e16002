import type { Alert, SeverityClass } from '../alerts/alert.ts';
import type { Transition } from '../domain/event.ts';
import type { Acknowledgement } from '../alerts/episode.ts';
import type { CloudEvent, NewEvent } from '../domain/event.ts';
import type { Suppression } from '../alerts/reconciliation.ts';
import type { ListQuery } from './list-place.ts';
import type { ResultStatus } from '../domain/result.ts';
import type { WatchdogRule, WatchdogSighting } from '../alerts/watchdog.ts';
import type { AlertTotals } from './alert-totals.ts';
import type { Listings, ReconcileResult } from './alertmanager-snapshot.ts';
import type { HistoryPoint, HistoryQuery } from './run-history.ts';
import type { DeadLetter, SinkProgress } from './sink-progress.ts';

export type { DeadLetter, HistoryPoint, HistoryQuery, ListQuery, SinkProgress };

/** One webhook request, before anybody looked into it. */
export interface RawDelivery {
  /** The entry of `webhooks` that it came in by. */
  readonly webhook: string;
  readonly body: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
  /** The sender's address and `User-Agent`, for the audit. */
  readonly source: string;
  readonly userAgent: string;
}

/** What became of a delivery. Everything but `malformed` is on disk when it is told. */
export type IntakeResult =
  | {
      readonly outcome: 'accepted' | 'duplicate' | 'partial';
      readonly accepted: number;
      readonly duplicates: number;
      readonly quarantined: number;
      readonly transitions: Readonly<Partial<Record<Transition, number>>>;
      /** Seconds from `startsAt` to receipt of each `fired`. */
      readonly lagSeconds: readonly number[];
    }
  | {
      readonly outcome: 'malformed';
      /** RFC 6901 JSON pointer to the offending value; `` is the whole body. */
      readonly pointer: string;
      readonly detail: string;
    };

/** The ledger cannot take or give anything now (disk full, closing, overloaded): answer 503, store nothing. */
export class LedgerUnavailableError extends Error {
  override readonly name = 'LedgerUnavailableError';
}

/** The ledger cannot be opened; the message says which file, why and what to do. */
export class LedgerStartError extends Error {
  override readonly name = 'LedgerStartError';
}

/** One firing-to-resolved life of an alert. */
export interface Episode {
  readonly id: string;
  readonly webhook: string;
  readonly fingerprint: string;
  readonly state: 'open' | 'closed';
  readonly labels: Alert['labels'];
  readonly annotations: Alert['annotations'];
  readonly severity: SeverityClass;
  /** RFC 3339, UTC, nanoseconds kept; the earliest start seen. */
  readonly startsAt: string;
  readonly endsAt?: string;
  /** First and last receipt, milliseconds since the epoch. */
  readonly firstReceivedAt: number;
  readonly lastReceivedAt: number;
  readonly generatorUrl: string;
  readonly receiver: string;
  readonly acknowledged: boolean;
  readonly acknowledgement?: Acknowledgement;
  /** Since when nobody has it, milliseconds since the epoch. */
  readonly unacknowledgedSince: number;
  /** Closed, but held open to doubt until then (ms): a peer says that it still fires. */
  readonly suspectUntil?: number;
  /** Why its Alertmanagers tell nobody of it; absent where they do, or were not asked. */
  readonly suppressed?: Suppression;
  /** How many transitions it has had. */
  readonly ordinal: number;
}

/** A stored delivery, without its body. */
export interface StoredDelivery {
  readonly id: number;
  readonly webhook: string;
  readonly receivedAt: number;
  readonly source: string;
  readonly userAgent: string;
  readonly receiver: string;
  readonly groupKey: string;
  readonly status: string;
  readonly truncatedAlerts: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly quarantined: number;
  readonly bytes: number;
}

/** A finished run, for history. */
export interface RunRecord {
  readonly service: string;
  readonly target: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly status: ResultStatus;
  readonly reason?: string;
  readonly durationSeconds: number;
  /** What is known of the check after it, as JSON: the ledger keeps the last one of each check. */
  readonly health?: string;
}

/** What was last known of a check. */
export interface LastRun {
  readonly service: string;
  readonly target: string;
  /** Start of that run, milliseconds since the epoch. */
  readonly at: number;
  /** What `RunRecord` held. */
  readonly health: string;
}

export interface EventQuery {
  /** An event's id; events after it are given. Absent: from the oldest. */
  readonly after?: string;
  readonly limit: number;
  /** Exact type, or a prefix that ends in `.*`. */
  readonly type?: string;
  readonly subject?: string;
  /** Milliseconds since the epoch: only events at or after it. */
  readonly since?: number;
  readonly order?: 'asc' | 'desc';
  /** An event's id: only events before it are given. */
  readonly below?: string;
  /** The page ends early, with at least one event, once the text of its data is as large. */
  readonly maxBytes?: number;
}

export type EventPage =
  | { readonly events: readonly CloudEvent[]; readonly nextAfter?: string }
  /** `after` lies below retention or in another epoch. */
  | { readonly gone: true; readonly oldest?: string };

/** What became of an acknowledgement, or of its withdrawal. */
export type AcknowledgeResult =
  | { readonly outcome: 'changed' | 'unchanged'; readonly episode: Episode }
  /** There is no such episode, or it is over. */
  | { readonly outcome: 'unknown' }
  | { readonly outcome: 'closed'; readonly episode: Episode };

/** What could not be read, kept for a person. */
export interface QuarantineEntry {
  readonly id: number;
  readonly webhook: string;
  /** Milliseconds since the epoch. */
  readonly firstReceivedAt: number;
  readonly lastReceivedAt: number;
  /** How often it came. */
  readonly seen: number;
  readonly pointer: string;
  readonly detail: string;
  /** Bytes that are kept, of the first 64 KiB. */
  readonly size: number;
  readonly body: Uint8Array;
}

/** How alerts are judged; told anew at every reload. */
export interface AlertRules {
  /** How far apart the starts of one and the same firing may be. */
  readonly toleranceMs: number;
  /** How long a firing is held that may be late. */
  readonly staleHoldMs: number;
  /** Open episodes of which nothing was heard for so long are given up. */
  readonly expireAfterMs: number;
  /** What each entry of `webhooks` is sent by. */
  readonly senders: Readonly<Record<string, SenderRules>>;
  /** Alerts that always fire; none where it is absent. */
  readonly watchdogs?: readonly WatchdogRule[];
}

export interface SenderRules {
  /** Whether it is one Alertmanager and no cluster: its addresses, which may change, do not say who reports. */
  readonly single?: boolean;
  /** For how long after an end another reporter's firing may be late; 0: never. */
  readonly staleWindowMs: number;
  /** The longest that the sender lets a group wait between two notifications. */
  readonly groupIntervalMs: number;
  /** How often what goes on firing is sent again. */
  readonly repeatMs: number;
  /** How long the news of an end may be on its way; absent where its Alertmanagers are not asked what they have. */
  readonly settleMs?: number;
  /** How long after its start an Alertmanager may not yet have been sent every alert. */
  readonly warmUpMs?: number;
}

export interface AlertQuery {
  readonly webhook?: string;
  readonly fingerprint?: string;
  readonly state: 'open' | 'closed' | 'all';
  readonly severity?: SeverityClass;
  readonly limit: number;
  /** Those that come after this place, which `alertPlace` gives. */
  readonly after?: string;
  /** The answer ends early, with at least one episode, once its labels and annotations are as large. */
  readonly maxBytes?: number;
}

/** Numbers about open episodes and the store itself, told after each commit. */
export interface LedgerSummary {
  readonly open: readonly {
    readonly severity: SeverityClass;
    readonly acknowledged: boolean;
    readonly count: number;
  }[];
  /** First receipt (ms) of the oldest unacknowledged open episode of each alertname, severity, service and instance. */
  readonly unacknowledged: readonly UnacknowledgedSeries[];
  /** Series beyond the cap, left out of `unacknowledged`. */
  readonly unacknowledgedOverflow: number;
  /** Transitions that no delivery caused (acknowledgements, time), since the thread started. */
  readonly transitions: Readonly<Partial<Record<Transition, number>>>;
  /** Names this ledger in the ids of its events. */
  readonly epoch: string;
  readonly totals: AlertTotals;
  readonly watchdogs: readonly WatchdogSighting[];
  /** Stored rows that cannot be read and are left out, by table, since the start. */
  readonly unreadableRows: Readonly<Record<string, number>>;
  readonly lastOffset: number;
  readonly fileBytes: number;
  readonly commits: number;
  readonly commitSeconds: number;
  readonly failedCommits: number;
}

export interface UnacknowledgedSeries {
  readonly alertname: string;
  readonly severity: SeverityClass;
  readonly service: string;
  readonly instance: string;
  readonly since: number;
}

/**
 * The durable log: what it accepts is on disk (fsync) before the promise is fulfilled.
 * Every method rejects with `LedgerUnavailableError` while the store cannot be used.
 */
export interface Ledger {
  /** The delivery's body is handed over: its buffer may be empty afterwards. */
  intake(delivery: RawDelivery): Promise<IntakeResult>;
  append(events: readonly NewEvent[]): Promise<void>;
  recordRuns(runs: readonly RunRecord[]): Promise<void>;
  /** The last run of every check that had one since (ms), whether it is still configured or not. */
  lastRuns(since: number): Promise<readonly LastRun[]>;
  events(query: EventQuery): Promise<EventPage>;
  /** Open ones first, the most severe of them first; then newest first. */
  alerts(query: AlertQuery): Promise<readonly Episode[]>;
  alert(id: string): Promise<Episode | undefined>;
  /** Somebody takes charge of an open episode. It survives repeats and restarts, and ends with the episode. */
  acknowledge(id: string, acknowledgement: Acknowledgement): Promise<AcknowledgeResult>;
  unacknowledge(id: string, at: number): Promise<AcknowledgeResult>;
  /** The sender's own list tells whether an episode that is held as `stale_suspect` still fires. */
  settleSuspect(id: string, fires: boolean, at: number): Promise<AcknowledgeResult>;
  /** Holds the open episodes of a webhook against what its Alertmanagers have, and repairs them. */
  reconcile(listings: Listings): Promise<ReconcileResult>;
  /** Newest first. */
  quarantine(query: ListQuery): Promise<readonly QuarantineEntry[]>;
  quarantineEntry(id: number): Promise<QuarantineEntry | undefined>;
  /** @returns whether there was one */
  dropQuarantined(id: number): Promise<boolean>;
  /** Alerts are judged so from now on. */
  configure(rules: AlertRules): Promise<void>;
  /** Newest first. */
  deliveries(query: ListQuery): Promise<readonly StoredDelivery[]>;
  /** The id after which a sink goes on; one that was never heard of begins with what comes from now on. */
  openSink(sink: string): Promise<string>;
  saveSink(progress: SinkProgress): Promise<void>;
  /** What a sink refused, newest first; the last 1,000 are kept. */
  deadLetters(sink: string): Promise<readonly DeadLetter[]>;
  /** Points of `stepMs` from `from` to `to` (ms) of one service, all targets together, oldest first. */
  history(query: HistoryQuery): Promise<readonly HistoryPoint[]>;
  /** Latest numbers, without a question to the disk. */
  summary(): LedgerSummary;
  /** Calls whenever these numbers changed: within 100 ms of a commit. */
  watch(changed: () => void): void;
  /** Whether commits succeed; false makes `/-/ready` fail. */
  writable(): boolean;
  /** Why commits fail, a sentence without its full stop; absent when they succeed. */
  whyNotWritable(): string | undefined;
  close(): Promise<void>;
}
