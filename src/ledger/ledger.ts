import type { Alert, SeverityClass } from '../alerts/alert.ts';
import type { EpochMs } from '../domain/clock.ts';
import type { Transition } from '../domain/event.ts';
import type { Acknowledgement } from '../alerts/episode.ts';
import type { CloudEvent, NewEvent } from '../domain/event.ts';
import type { Suppression } from '../alerts/reconciliation-types.ts';
import type { ListQuery } from './list-cursors.ts';
import type { ResultStatus } from '../domain/result.ts';
import type { WatchdogRule, WatchdogSighting } from '../alerts/watchdog.ts';
import type { AlertTotals } from './alert-totals.ts';
import type { AlertmanagerSnapshot, ReconcileResult } from './alertmanager-snapshot.ts';
import type { HistoryPoint, HistoryQuery } from './run-history.ts';
import type { DeadLetter, SinkProgress } from './sink-progress.ts';

export type { DeadLetter, HistoryPoint, HistoryQuery, ListQuery, SinkProgress };

/** One webhook request, unparsed. */
export interface RawDelivery {
  /** The entry of `webhooks` that received it. */
  readonly webhook: string;
  readonly body: Uint8Array;
  readonly receivedAt: EpochMs;
  /** The sender's address and `User-Agent`, for the audit. */
  readonly source: string;
  readonly userAgent: string;
}

/** Outcome of a delivery. Everything except `malformed` is on disk before it is reported. */
export type IntakeResult =
  | {
      readonly outcome: 'accepted' | 'duplicate' | 'partial';
      readonly accepted: number;
      readonly duplicates: number;
      readonly quarantined: number;
      readonly transitions: Readonly<Partial<Record<Transition, number>>>;
      /** Seconds from `startsAt` to receipt, for each `fired`. */
      readonly lagSeconds: readonly number[];
    }
  | {
      readonly outcome: 'malformed';
      /** RFC 6901 JSON pointer to the offending value; `` is the whole body. */
      readonly pointer: string;
      readonly detail: string;
    };

/** The ledger is temporarily unavailable (disk full, closing, overloaded): answer 503, store nothing. */
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
  /** RFC 3339, UTC, with nanoseconds; the earliest start reported. */
  readonly startsAt: string;
  readonly endsAt?: string;
  /** First and last receipt. */
  readonly firstReceivedAt: EpochMs;
  readonly lastReceivedAt: EpochMs;
  readonly generatorUrl: string;
  readonly receiver: string;
  readonly acknowledged: boolean;
  readonly acknowledgement?: Acknowledgement;
  /** Since when it is unacknowledged. */
  readonly unacknowledgedSince: EpochMs;
  /** Closed, but in doubt until then: another member of the cluster reports that it still fires. */
  readonly suspectUntil?: EpochMs;
  /** Why its Alertmanagers send no notification for it; absent if they do, or were not asked. */
  readonly suppressed?: Suppression;
  /** Number of transitions so far. */
  readonly ordinal: number;
}

/** A stored delivery, without its body. */
export interface StoredDelivery {
  readonly id: number;
  readonly webhook: string;
  readonly receivedAt: EpochMs;
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
  readonly at: EpochMs;
  readonly status: ResultStatus;
  readonly reason?: string;
  readonly durationSeconds: number;
  /** Health of the check after the run, as JSON: the ledger keeps the last one of each check. */
  readonly health?: string;
}

/** The last known run of a check. */
export interface LastRun {
  readonly service: string;
  readonly target: string;
  /** Start of that run. */
  readonly at: EpochMs;
  /** As in `RunRecord`. */
  readonly health: string;
}

export interface EventQuery {
  /** An event's id; returns the events after it. Absent: from the oldest. */
  readonly after?: string;
  readonly limit: number;
  /** Exact type, or a prefix that ends in `.*`. */
  readonly type?: string;
  readonly subject?: string;
  /** Only events at or after it. */
  readonly since?: EpochMs;
  readonly order?: 'asc' | 'desc';
  /** An event's id: only events before it. */
  readonly below?: string;
  /** The page ends early, with at least one event, once the text of its data reaches this size. */
  readonly maxBytes?: number;
}

export type EventPage =
  | { readonly events: readonly CloudEvent[]; readonly nextAfter?: string }
  /** `after` is older than retention, or of another epoch. */
  | { readonly gone: true; readonly oldest?: string };

/** Outcome of an acknowledgement, or of its withdrawal. */
export type AcknowledgeResult =
  | { readonly outcome: 'changed' | 'unchanged'; readonly episode: Episode }
  /** The episode does not exist. */
  | { readonly outcome: 'unknown' }
  | { readonly outcome: 'closed'; readonly episode: Episode };

/** Unreadable input, kept for inspection. */
export interface QuarantineEntry {
  readonly id: number;
  readonly webhook: string;
  readonly firstReceivedAt: EpochMs;
  readonly lastReceivedAt: EpochMs;
  /** How often it was received. */
  readonly seen: number;
  readonly pointer: string;
  readonly detail: string;
  /** Size in bytes of what is kept: at most the first 64 KiB. */
  readonly size: number;
  readonly body: Uint8Array;
}

/** How reports of alerts are interpreted; set again at every reload. */
export interface AlertRules {
  /** How far apart reported starts of one life may be. */
  readonly toleranceMs: number;
  /** How long a possibly late firing is held. */
  readonly staleHoldMs: number;
  /** Open episodes without a report for this long are expired. */
  readonly expireAfterMs: number;
  /** By webhook: what is known about its senders. */
  readonly senders: Readonly<Record<string, SenderRules>>;
  /** Alerts that always fire; absent: none. */
  readonly watchdogs?: readonly WatchdogRule[];
}

export interface SenderRules {
  /**
   * Whether the sender is one Alertmanager and not a cluster: then its address, which may change, does not identify the
   * reporter.
   */
  readonly single?: boolean;
  /** For how long after an end another reporter's firing may be late; 0: never. */
  readonly staleWindowMs: number;
  /** The longest time the sender waits between two notifications of a group. */
  readonly groupIntervalMs: number;
  /** How often the sender repeats the notification of a firing alert. */
  readonly repeatMs: number;
  /** How long the report of an end may take to arrive; absent if the Alertmanagers are not asked for their alerts. */
  readonly settleMs?: number;
  /** How long after its start an Alertmanager may not have been sent every alert yet. */
  readonly warmUpMs?: number;
}

export interface AlertQuery {
  readonly webhook?: string;
  readonly fingerprint?: string;
  readonly state: 'open' | 'closed' | 'all';
  readonly severity?: SeverityClass;
  readonly limit: number;
  /** Only episodes after this place, as returned by `alertCursor`. */
  readonly after?: string;
  /** The answer ends early, with at least one episode, once its labels and annotations reach this size. */
  readonly maxBytes?: number;
}

/** Numbers about open episodes and the store itself, updated after each commit. */
export interface LedgerSummary {
  readonly open: readonly {
    readonly severity: SeverityClass;
    readonly acknowledged: boolean;
    readonly count: number;
  }[];
  /** First receipt of the oldest unacknowledged open episode of each alertname, severity, service and instance. */
  readonly unacknowledged: readonly UnacknowledgedSeries[];
  /** Number of episodes left out of `unacknowledged` because of the limit on series. */
  readonly unacknowledgedOverflow: number;
  /** Transitions not caused by a delivery (acknowledgements, timers), since the thread started. */
  readonly transitions: Readonly<Partial<Record<Transition, number>>>;
  /** Identifies this ledger in the ids of its events. */
  readonly epoch: string;
  readonly totals: AlertTotals;
  readonly watchdogs: readonly WatchdogSighting[];
  /** Stored rows that are unreadable and left out, by table, since the start. */
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
  readonly since: EpochMs;
}

/**
 * The durable log: what it accepts is on disk (fsync) before the promise is fulfilled. Every method rejects with
 * `LedgerUnavailableError` while the store cannot be used.
 */
export interface Ledger {
  /** Takes ownership of the delivery's body: its buffer may be empty afterwards. */
  intake(delivery: RawDelivery): Promise<IntakeResult>;
  append(events: readonly NewEvent[]): Promise<void>;
  recordRuns(runs: readonly RunRecord[]): Promise<void>;
  /** The last run of every check that ran since then, whether or not it is still configured. */
  lastRuns(since: EpochMs): Promise<readonly LastRun[]>;
  events(query: EventQuery): Promise<EventPage>;
  /** Open episodes first, the most severe of them first; then newest first. */
  alerts(query: AlertQuery): Promise<readonly Episode[]>;
  alert(id: string): Promise<Episode | undefined>;
  /**
   * A person takes charge of an open episode. The acknowledgement survives repeats and restarts, and ends with the
   * episode.
   */
  acknowledge(id: string, acknowledgement: Acknowledgement): Promise<AcknowledgeResult>;
  unacknowledge(id: string, at: EpochMs): Promise<AcknowledgeResult>;
  /** Compares the open episodes of a webhook with the alerts of its Alertmanagers, and repairs them. */
  reconcile(snapshot: AlertmanagerSnapshot): Promise<ReconcileResult>;
  /** Newest first. */
  quarantine(query: ListQuery): Promise<readonly QuarantineEntry[]>;
  quarantineEntry(id: number): Promise<QuarantineEntry | undefined>;
  /** @returns whether the entry existed */
  dropQuarantined(id: number): Promise<boolean>;
  /** Replaces the rules for alerts. */
  configure(rules: AlertRules): Promise<void>;
  /** Newest first. */
  deliveries(query: ListQuery): Promise<readonly StoredDelivery[]>;
  /** The id after which a sink continues; a new sink begins with events that arrive from now on. */
  openSink(sink: string): Promise<string>;
  saveSink(progress: SinkProgress): Promise<void>;
  /** Events that a sink rejected, newest first; the last 1,000 are kept. */
  deadLetters(sink: string): Promise<readonly DeadLetter[]>;
  /** Points of `stepMs` from `from` to `to` (ms) of one service, all targets together, oldest first. */
  history(query: HistoryQuery): Promise<readonly HistoryPoint[]>;
  /** The latest numbers, without a disk access. */
  summary(): LedgerSummary;
  /** Called whenever these numbers have changed: within 100 ms of a commit. */
  onChange(changed: () => void): void;
  /** Whether commits succeed; if false, `/-/ready` fails. */
  writable(): boolean;
  /** Why commits fail, a sentence without its full stop; undefined while they succeed. */
  unwritableReason(): string | undefined;
  close(): Promise<void>;
}
