/** Why Alertmanager notifies no one of an alert that fires. */
export type Suppression = 'silenced' | 'inhibited' | 'muted';

/** An alert as an Alertmanager has it. */
export interface ListedAlert {
  readonly fingerprint: string;
  readonly alertname: string;
  /** Absent where it notifies of it. `muted`: by a time interval, on every route to our receivers. */
  readonly suppressed: Suppression | undefined;
  /** The receivers of ours that it is sent to now. */
  readonly receivers: readonly string[];
  /** Nanoseconds since the epoch. */
  readonly startsAt: bigint;
}

/** What an Alertmanager answered, as it was read from the wire. */
export interface AlertListing {
  readonly name: string;
  /** The answer to `GET /api/v2/alerts`. */
  readonly body: Uint8Array;
  /** The answer to `GET /api/v2/alerts/groups`, which alone shows time intervals; absent where no route has one. */
  readonly groups?: Uint8Array | undefined;
  /** Which of its receivers are ours. */
  readonly receivers: ReceiverClues;
  /** When it started, milliseconds since the epoch by our clock; undefined where it does not say. */
  readonly startedAt: number | undefined;
}

/**
 * Which receivers of an Alertmanager's configuration post to a webhook. Alertmanager hides the addresses since 0.26: what
 * is only possible becomes certain with the first delivery.
 */
export interface ReceiverClues {
  readonly certain: readonly string[];
  readonly possible: readonly string[];
}

/** What the list of an Alertmanager says, or why it cannot be read. */
export type ParsedListing =
  | { readonly ok: true; readonly alerts: readonly ListedAlert[] }
  | { readonly ok: false; readonly detail: string };

export type ParseListing = (
  listing: Pick<AlertListing, 'body' | 'groups'>,
  ours: ReadonlySet<string>,
) => ParsedListing;

/** An episode that a list may say something about: open, or closed and held as `stale_suspect`. */
export interface KnownEpisode {
  readonly id: number;
  readonly fingerprint: string;
  readonly open: boolean;
  /** Milliseconds since the epoch. */
  readonly lastReceivedAt: number;
  readonly suppressed: Suppression | undefined;
}

/** What is remembered from round to round. */
export interface ReconciliationMemory {
  /** When a list was first asked for, milliseconds since the epoch. */
  readonly since: number;
  /** Since when (ms) an episode is in no list. */
  readonly absentSince: ReadonlyMap<number, number>;
  /** Since when (ms) an alert without an open episode, by its fingerprint, could have been delivered. */
  readonly deliverableSince: ReadonlyMap<string, number>;
}

export interface ReconciliationContext {
  /** When the lists were asked for, milliseconds since the epoch. */
  readonly askedAt: number;
  /** Whether every Alertmanager of the webhook answered: only together can they say that something is not there. */
  readonly complete: boolean;
  /** Whether one of them may not yet have been sent every alert since its start: nothing is known to be absent then. */
  readonly young: boolean;
  /** When the last of them started, milliseconds since the epoch. */
  readonly startedAt: number;
  /** How long the news of a start or an end may be on its way, milliseconds. */
  readonly settleMs: number;
  readonly memory: ReconciliationMemory;
}

/** What is to be done so that the ledger agrees with the lists. */
export interface ReconciliationPlan {
  /** Open episodes that no Alertmanager has any more. */
  readonly expire: readonly KnownEpisode[];
  /** Held ones that do fire, and that do not. */
  readonly confirm: readonly number[];
  readonly refute: readonly number[];
  readonly suppress: readonly { readonly id: number; readonly reason: Suppression | undefined }[];
  /** Open episodes that are listed. */
  readonly present: readonly number[];
  /** Alerts that are listed and neither open nor held here. */
  readonly unknown: readonly ListedAlert[];
  /** Those of them that ought to have been delivered. */
  readonly missing: readonly ListedAlert[];
  /** Open episodes that no list has, and alerts that ought to have been delivered and were not. */
  readonly drift: { readonly orphaned: number; readonly missing: number };
  /** For the next round. */
  readonly memory: ReconciliationMemory;
}

export type Reconcile = (
  known: readonly KnownEpisode[],
  lists: readonly (readonly ListedAlert[])[],
  context: ReconciliationContext,
) => ReconciliationPlan;
