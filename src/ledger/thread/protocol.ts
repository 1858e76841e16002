import type { EpochMs } from '../../domain/clock.ts';
import type {
  AcknowledgeResult,
  AlertQuery,
  AlertRules,
  DeadLetter,
  Episode,
  EventQuery,
  HistoryPoint,
  HistoryQuery,
  IntakeResult,
  LastRun,
  LedgerSummary,
  ListQuery,
  QuarantineEntry,
  RawDelivery,
  RunRecord,
  SinkProgress,
  StoredDelivery,
} from '../ledger.ts';
import type { AlertmanagerSnapshot, ReconcileResult } from '../alertmanager-snapshot.ts';
import type { Acknowledgement } from '../../alerts/episode.ts';
import type { NewEvent } from '../../domain/event.ts';
import type { Logger } from '../../domain/log.ts';

/** Start options of the ledger's thread. */
export interface ThreadOptions {
  /** Absolute path of the ledger's file. */
  readonly path: string;
  /** How far apart reported starts of one life may be. */
  readonly toleranceMs: number;
  readonly retention: Retention;
  /** Used instead of `toleranceMs`, if present. */
  readonly rules?: AlertRules;
  /** Counts up while the event loop of the process runs; the thread ends a process whose loop is stuck. */
  readonly heartbeat?: Int32Array;
}

export interface Retention {
  /** Events, closed episodes, and hourly sums of runs. */
  readonly eventsMs: number;
  /** Five-minute sums of runs, and deliveries. */
  readonly historyMs: number;
}

/** An event as sent by the thread: `data` stays JSON text until it is needed. */
export interface WireEvent {
  readonly offset: number;
  readonly type: string;
  readonly subject: string | null;
  readonly time: EpochMs;
  readonly data: string;
}

export interface EventSliceQuery extends EventQuery {
  /** An offset: only events below it. */
  readonly before?: number;
}

export type EventSlice =
  | {
      readonly epoch: string;
      readonly events: readonly WireEvent[];
      /** Whether the limit was reached, so that there may be more. */
      readonly full: boolean;
      /** The offset up to which events were considered. */
      readonly next: number;
    }
  | { readonly gone: true; readonly oldest?: string };

/** The calls that the thread answers: each one's argument and result. */
export interface LedgerCalls {
  intake: { argument: RawDelivery; result: IntakeResult };
  /** The result is the number of stored events. */
  append: { argument: readonly NewEvent[]; result: number };
  recordRuns: { argument: readonly RunRecord[]; result: number };
  lastRuns: { argument: number; result: readonly LastRun[] };
  events: { argument: EventSliceQuery; result: EventSlice };
  alerts: { argument: AlertQuery; result: readonly Episode[] };
  alert: { argument: string; result: Episode | undefined };
  acknowledge: {
    argument: { readonly id: string; readonly acknowledgement: Acknowledgement };
    result: AcknowledgeResult;
  };
  unacknowledge: { argument: { readonly id: string; readonly at: EpochMs }; result: AcknowledgeResult };
  reconcile: { argument: AlertmanagerSnapshot; result: ReconcileResult };
  quarantine: { argument: ListQuery; result: readonly QuarantineEntry[] };
  quarantineEntry: { argument: number; result: QuarantineEntry | undefined };
  dropQuarantined: { argument: number; result: boolean };
  configure: { argument: AlertRules; result: undefined };
  deliveries: { argument: ListQuery; result: readonly StoredDelivery[] };
  openSink: { argument: string; result: string };
  saveSink: { argument: SinkProgress; result: undefined };
  deadLetters: { argument: string; result: readonly DeadLetter[] };
  history: { argument: HistoryQuery; result: readonly HistoryPoint[] };
}
export type CallName = keyof LedgerCalls;

/** Implements the calls; used by the thread's server. */
export type CallHandlers = {
  readonly [Name in CallName]: (
    argument: LedgerCalls[Name]['argument'],
  ) => LedgerCalls[Name]['result'] | Promise<LedgerCalls[Name]['result']>;
};

/** What a store is given by the thread that serves it. */
export interface StoreHooks {
  readonly logger: Logger;
  readonly onCommit: () => void;
  /** @param reason why writes fail, a sentence without its full stop; undefined when they succeed again */
  readonly onWritable: (reason: string | undefined) => void;
  /** Another process has written to the file: the in-memory state is no longer valid. */
  readonly onForeignWrite: () => void;
}

/** The store that the thread serves. */
export interface LedgerStore {
  readonly calls: CallHandlers;
  readonly summary: () => LedgerSummary;
  /** Commits what is pending and closes the file. */
  readonly close: () => void;
}

export type Request =
  { readonly id: number; readonly call: CallName; readonly argument: unknown } | { readonly call: 'close' };

export type Reply =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly message: string };

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Messages from the thread. */
export type ThreadMessage =
  | { readonly kind: 'ready' }
  /** It cannot start; the message is meant for people. */
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'replies'; readonly replies: readonly Reply[] }
  | { readonly kind: 'summary'; readonly summary: LedgerSummary }
  /** With the reason why the ledger is not writable, or without one once it is. */
  | { readonly kind: 'writable'; readonly reason?: string }
  | {
      readonly kind: 'log';
      readonly level: LogLevel;
      readonly fields: Readonly<Record<string, unknown>>;
      readonly message: string;
    };
