import type { ReconciliationPlan } from '../domain/reconciliation.ts';

/** What the Alertmanagers of a webhook have, as they answered. */
export interface Listings {
  readonly webhook: string;
  /** When they were asked, milliseconds since the epoch. */
  readonly askedAt: number;
  /** Whether all of them answered. */
  readonly complete: boolean;
  /** The answers of `GET /api/v2/alerts`. */
  readonly lists: readonly { readonly name: string; readonly body: Uint8Array }[];
}

export type ReconcileResult =
  | {
      readonly outcome: 'reconciled';
      readonly drift: ReconciliationPlan['drift'];
      readonly repaired: Readonly<Record<'expired' | 'confirmed' | 'refuted', number>>;
    }
  /** One of them cannot be read: nothing was changed. */
  | { readonly outcome: 'malformed'; readonly name: string; readonly detail: string };
