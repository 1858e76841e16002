import type { EpochMs } from '../domain/clock.ts';
import type { EpochNs } from '../domain/instant.ts';

/** Why Alertmanager sends no notification for a firing alert. */
export type Suppression = 'silenced' | 'inhibited' | 'muted';

/** An alert as listed by an Alertmanager. */
export interface ListedAlert {
  readonly fingerprint: string;
  readonly alertname: string;
  /** Absent if it sends notifications. `muted`: by a time interval, on every route to our receivers. */
  readonly suppressed: Suppression | undefined;
  /** Our receivers that it is currently sent to. */
  readonly receivers: readonly string[];
  readonly startsAt: EpochNs;
}

/** An Alertmanager's answers, unparsed. */
export interface AlertmanagerResponse {
  readonly name: string;
  /** The answer to `GET /api/v2/alerts`. */
  readonly body: Uint8Array;
  /** The answer to `GET /api/v2/alerts/groups`, which alone shows time intervals; absent if no route has one. */
  readonly groups?: Uint8Array | undefined;
  /** Which of its receivers are ours. */
  readonly receivers: WebhookReceivers;
  /** When it started, by our clock; undefined if it does not report it. */
  readonly startedAt: EpochMs | undefined;
}

/**
 * Which receivers of an Alertmanager's configuration post to a webhook. Alertmanager hides addresses since 0.26: a
 * possible receiver becomes certain with its first delivery.
 */
export interface WebhookReceivers {
  readonly certain: readonly string[];
  readonly possible: readonly string[];
}

/** The alerts listed by an Alertmanager, or why its list is unreadable. */
export type ParsedAlertList =
  | { readonly ok: true; readonly alerts: readonly ListedAlert[] }
  | { readonly ok: false; readonly detail: string };

/** An episode that a list can say something about: open, or closed and held as `stale_suspect`. */
export interface EpisodeToReconcile {
  readonly id: number;
  readonly fingerprint: string;
  readonly open: boolean;
  readonly lastReceivedAt: EpochMs;
  readonly suppressed: Suppression | undefined;
}

/** What is kept from round to round. */
export interface ReconciliationMemory {
  /** When a list was first requested. */
  readonly since: EpochMs;
  /** Since when an episode is in no list. */
  readonly absentSince: ReadonlyMap<number, EpochMs>;
  /** By fingerprint: since when an alert without an open episode could have been delivered. */
  readonly deliverableSince: ReadonlyMap<string, EpochMs>;
}

export interface ReconciliationContext {
  /** When the lists were requested. */
  readonly requestedAt: EpochMs;
  /** Whether every Alertmanager of the webhook answered: only then can an alert be found absent. */
  readonly complete: boolean;
  /** Whether one of them may not have been sent every alert yet since its start: no alert counts as absent then. */
  readonly warmingUp: boolean;
  /** When the last of them started. */
  readonly startedAt: EpochMs;
  /** How long the report of a start or an end may take to arrive, milliseconds. */
  readonly settleMs: number;
  readonly memory: ReconciliationMemory;
}

/** The changes that make the ledger agree with the lists. */
export interface ReconciliationPlan {
  /** Open episodes that are no longer in any list. */
  readonly expire: readonly EpisodeToReconcile[];
  /** Held episodes: those that do fire (`confirm`), and those that do not (`refute`). */
  readonly confirm: readonly number[];
  readonly refute: readonly number[];
  readonly suppress: readonly { readonly id: number; readonly reason: Suppression | undefined }[];
  /** Open episodes that are listed. */
  readonly present: readonly number[];
  /** Alerts that are listed and neither open nor held here. */
  readonly unknown: readonly ListedAlert[];
  /** Those of `unknown` that should have been delivered. */
  readonly missing: readonly ListedAlert[];
  /** Counts of open episodes in no list, and of alerts that should have been delivered and were not. */
  readonly drift: { readonly orphaned: number; readonly missing: number };
  /** For the next round. */
  readonly memory: ReconciliationMemory;
}
