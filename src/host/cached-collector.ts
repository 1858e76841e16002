import type { Clock } from '../domain/clock.ts';
import type { Sample } from '../metrics/family.ts';
import type { CollectorInstance } from './collector.ts';

const SECOND_MS = 1_000;

export interface RestOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly collect: (signal: AbortSignal) => Promise<readonly Sample[]>;
  /** How long a reading that took so long is good for, milliseconds; without it, a second. */
  readonly restMs?: (tookMs: number) => number;
}

/**
 * A reading that is shown again while it is young: however many scrapes there are, drivers and firmware are asked
 * once a second at most. One that failed does not rest.
 */
export function resting({ clock, collect, restMs = () => SECOND_MS }: RestOptions): CollectorInstance {
  let last: { readonly samples: readonly Sample[]; readonly until: number } | undefined;
  return {
    collect: async (signal) => {
      const start = clock.monotonic();
      if (last !== undefined && start < last.until) return last.samples;
      const samples = await collect(signal);
      const end = clock.monotonic();
      last = { samples, until: end + restMs(end - start) };
      return samples;
    },
  };
}
