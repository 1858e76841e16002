import type { AlertmanagerResponse, ReconciliationPlan } from '../alerts/reconciliation-types.ts';
import type { EpochMs } from '../domain/clock.ts';

/** The alerts of a webhook's Alertmanagers, as answered by them. */
export interface AlertmanagerSnapshot {
  readonly webhook: string;
  /** When they were requested. */
  readonly requestedAt: EpochMs;
  /** Whether every Alertmanager answered. */
  readonly complete: boolean;
  readonly responses: readonly AlertmanagerResponse[];
}

export type Repair = 'expired' | 'reopened' | 'confirmed' | 'refuted';

export type ReconcileResult =
  | {
      readonly outcome: 'reconciled';
      readonly drift: ReconciliationPlan['drift'];
      /** Examples of what is missing: alert names, and the receivers that should have been sent the alerts. */
      readonly missing: { readonly alertnames: readonly string[]; readonly receivers: readonly string[] };
      readonly repaired: Readonly<Record<Repair, number>>;
    }
  /** One of the answers is unreadable: nothing was changed. */
  | { readonly outcome: 'malformed'; readonly name: string; readonly detail: string };
