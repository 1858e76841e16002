import type { Clock, MonotonicMs } from '../domain/clock.ts';
import type { Sample } from '../metrics/family.ts';
import type { CollectorInstance } from './collector.ts';

const SECOND_MS = 1_000;

export interface CachedCollectorOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly collect: (signal: AbortSignal) => Promise<readonly Sample[]>;
  /** How long a reading that took this long is reused, milliseconds; default: a second. */
  readonly cacheMs?: (tookMs: number) => number;
}

/**
 * Reuses a reading while it is recent: however many scrapes there are, drivers and firmware are read once a second at
 * most. A failed reading is not reused.
 */
export function cachedCollector({
  clock,
  collect,
  cacheMs = () => SECOND_MS,
}: CachedCollectorOptions): CollectorInstance {
  let last: { readonly samples: readonly Sample[]; readonly until: MonotonicMs } | undefined;
  return {
    collect: async (signal) => {
      const start = clock.monotonic();
      if (last !== undefined && start < last.until) return last.samples;
      const samples = await collect(signal);
      const end = clock.monotonic();
      last = { samples, until: end + cacheMs(end - start) };
      return samples;
    },
  };
}
