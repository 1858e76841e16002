/** Why Alertmanager tells nobody of an alert that fires. */
export type Suppression = 'silenced' | 'inhibited';

/** An alert as an Alertmanager has it. */
export interface ListedAlert {
  readonly fingerprint: string;
  /** Absent where it notifies of it. */
  readonly suppressed: Suppression | undefined;
  /** Names of the receivers that its routes lead to. */
  readonly receivers: readonly string[];
  /** Milliseconds since the epoch. */
  readonly startsAt: number;
}

/** What the list of an Alertmanager says, or why it cannot be read. */
export type ParsedListing =
  | { readonly ok: true; readonly alerts: readonly ListedAlert[] }
  | { readonly ok: false; readonly detail: string };

/** An episode that a list may say something about: open, or closed and held as `stale_suspect`. */
export interface KnownEpisode {
  readonly id: number;
  readonly fingerprint: string;
  readonly open: boolean;
  /** Milliseconds since the epoch. */
  readonly lastReceivedAt: number;
  readonly receiver: string;
  readonly suppressed: Suppression | undefined;
}

export interface ReconciliationContext {
  /** When the lists were asked for, milliseconds since the epoch. */
  readonly askedAt: number;
  /** Whether every Alertmanager of the webhook answered: only together can they say that something is not there. */
  readonly complete: boolean;
  /** How long word of an end may be on its way, milliseconds. */
  readonly settleMs: number;
  /** Since when (ms) an episode is in no list. */
  readonly absentSince: ReadonlyMap<number, number>;
}

/** What is to be done so that the ledger agrees with the lists. */
export interface ReconciliationPlan {
  /** Open episodes that nobody has any more. */
  readonly expire: readonly KnownEpisode[];
  /** Held ones that do fire, and that do not. */
  readonly confirm: readonly number[];
  readonly refute: readonly number[];
  readonly suppress: readonly { readonly id: number; readonly reason: Suppression | undefined }[];
  /** For the next round. */
  readonly absentSince: ReadonlyMap<number, number>;
  /** Open episodes that no list has, and alerts that ought to have been delivered and have no episode. */
  readonly drift: { readonly orphaned: number; readonly missing: number };
}

export type Reconcile = (
  known: readonly KnownEpisode[],
  lists: readonly (readonly ListedAlert[])[],
  context: ReconciliationContext,
) => ReconciliationPlan;
