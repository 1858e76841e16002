import type { AlertListing, ReconciliationPlan } from '../alerts/reconciliation.ts';

/** What the Alertmanagers of a webhook have, as they answered. */
export interface Listings {
  readonly webhook: string;
  /** When they were asked, milliseconds since the epoch. */
  readonly askedAt: number;
  /** Whether all of them answered. */
  readonly complete: boolean;
  readonly lists: readonly AlertListing[];
}

export type Repair = 'expired' | 'reopened' | 'confirmed' | 'refuted';

export type ReconcileResult =
  | {
      readonly outcome: 'reconciled';
      readonly drift: ReconciliationPlan['drift'];
      /** Some of what is missing: names of alerts, and the receivers that ought to have been sent them. */
      readonly missing: { readonly alertnames: readonly string[]; readonly receivers: readonly string[] };
      readonly repaired: Readonly<Record<Repair, number>>;
    }
  /** One of them cannot be read: nothing was changed. */
  | { readonly outcome: 'malformed'; readonly name: string; readonly detail: string };
