import type { DuplicateCause, EpisodeState, EpisodeTransition } from '../../../alerts/episode.ts';
import { EMPTY_TOTALS, type AlertTotals, type Distribution } from '../../alert-totals.ts';

/** An alert that fires again this soon after its end is flapping. */
const FLAP_NS = 600n * 1_000_000_000n;

type UncommittedCount =
  | { readonly kind: 'duplicate'; readonly cause: DuplicateCause }
  | { readonly kind: 'flap' }
  | { readonly kind: 'acknowledge' | 'resolve'; readonly seconds: number };

/** Counts what happens to alerts. Nothing that is rolled back is counted. */
export class AlertStats {
  readonly #uncommitted: UncommittedCount[] = [];
  readonly #duplicates: Record<DuplicateCause, number> = { ...EMPTY_TOTALS.duplicates };
  readonly #acknowledge = new DistributionCounter(EMPTY_TOTALS.acknowledgeSeconds.bounds);
  readonly #resolve = new DistributionCounter(EMPTY_TOTALS.resolveSeconds.bounds);
  #flaps = 0;

  countDuplicate(cause: DuplicateCause): void {
    this.#uncommitted.push({ kind: 'duplicate', cause });
  }

  /** @param before the alert's newest episode before the step: this episode or its predecessor */
  countTransition({ transition, episode }: EpisodeTransition, before: EpisodeState | undefined): void {
    switch (transition) {
      case 'fired':
        if (before?.endsAt !== undefined && episode.startsAt - before.endsAt <= FLAP_NS)
          this.#uncommitted.push({ kind: 'flap' });
        break;
      case 'reopened':
        this.#uncommitted.push({ kind: 'flap' });
        break;
      case 'acknowledged':
        if (before?.acknowledged === false) this.#noteAcknowledged(episode);
        break;
      case 'resolved':
      case 'implicit_resolve':
      case 'resolved_unseen':
        this.#noteResolved(episode);
        break;
      default:
    }
  }

  savepoint(): () => void {
    const { length } = this.#uncommitted;
    return () => {
      this.#uncommitted.length = length;
    };
  }

  /** Call after the commit: pending counts become visible. */
  applyCommitted(): void {
    for (const note of this.#uncommitted) {
      if (note.kind === 'duplicate') this.#duplicates[note.cause]++;
      else if (note.kind === 'flap') this.#flaps++;
      else (note.kind === 'acknowledge' ? this.#acknowledge : this.#resolve).observe(note.seconds);
    }
    this.#uncommitted.length = 0;
  }

  totals(): AlertTotals {
    return {
      duplicates: { ...this.#duplicates },
      flaps: this.#flaps,
      acknowledgeSeconds: this.#acknowledge.value(),
      resolveSeconds: this.#resolve.value(),
    };
  }

  #noteAcknowledged({ acknowledgement, unacknowledgedSince }: EpisodeState): void {
    if (acknowledgement === undefined) return;
    const seconds = Math.max(0, acknowledgement.at - unacknowledgedSince) / 1_000;
    this.#uncommitted.push({ kind: 'acknowledge', seconds });
  }

  #noteResolved({ startsAt, endsAt }: EpisodeState): void {
    if (endsAt === undefined) return;
    this.#uncommitted.push({ kind: 'resolve', seconds: Math.max(0, Number(endsAt - startsAt)) / 1e9 });
  }
}

class DistributionCounter {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = [...bounds.map(() => 0), 0];
  }

  observe(value: number): void {
    this.#sum += value;
    const first = this.#bounds.findIndex((bound) => value <= bound);
    const from = first < 0 ? this.#bounds.length : first;
    for (let i = from; i < this.#counts.length; i++) this.#counts[i] = (this.#counts[i] ?? 0) + 1;
  }

  value(): Distribution {
    return { bounds: this.#bounds, counts: [...this.#counts], sum: this.#sum };
  }
}
