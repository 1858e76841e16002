import type { Alert } from '../../../alerts/alert.ts';
import type { EpisodeState } from '../../../alerts/episode.ts';
import type { EpochMs } from '../../../domain/clock.ts';

/** What is stored with an episode besides its state. */
export interface EpisodeReceipt {
  readonly webhook: number;
  readonly fingerprint: string;
  readonly receivedAt: EpochMs;
  readonly receiver: string;
  /** The offset of the event of the transition, which holds the alert's texts. */
  readonly event: number;
}

export interface StoredEpisode {
  readonly id: number;
  /** The number of its webhook. */
  readonly webhook: number;
  readonly fingerprint: string;
  /** The offset of its newest event. */
  readonly lastEvent: number;
  readonly lastReceivedAt: EpochMs;
  readonly receiver: string;
  readonly state: EpisodeState;
}

/** An alert of a delivery. */
export interface DeliveredAlert {
  readonly alert: Alert;
  /** The number of its webhook. */
  readonly webhook: number;
  readonly receivedAt: EpochMs;
}

/** Where episodes are stored: the ledger's own table, or that of a large delivery that is not visible yet. */
export interface EpisodeTable {
  /** The newest episode of a delivered alert. */
  latestForDelivery(delivery: DeliveredAlert): StoredEpisode | undefined;
  /**
   * @param former the id of the alert's previous episode; 0: none
   * @returns its id
   */
  insert(state: EpisodeState, receipt: EpisodeReceipt, former: number): number;
  update(known: StoredEpisode, state: EpisodeState, receipt: EpisodeReceipt): void;
  /** Updates after a repeat: only the reporters, the time of receipt and the outer times may have changed. */
  updateAfterRepeat(known: StoredEpisode, state: EpisodeState, receivedAt: EpochMs): void;
}
