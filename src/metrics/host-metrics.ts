import type { ScrapeCollector } from '../exposition/render/collectors.ts';
import type { SeriesTable } from '../exposition/table/series-table.ts';
import type { Sample } from './family.ts';

/** The host's collectors, each read on its own. */
export interface ReadableHost {
  readonly names: readonly string[];
  collectOne(name: string, signal: AbortSignal): Promise<readonly Sample[]>;
  /** The samples of a collector that was not read in time. */
  leftOut(name: string): readonly Sample[];
}

/** Writes the samples of the host's collectors into the table when a scrape asks for them. */
export function hostCollectors(host: ReadableHost, table: SeriesTable): ScrapeCollector[] {
  return host.names.map((name) => {
    const group = table.group(name);
    return {
      name,
      collect: async (signal) => {
        const samples = await host.collectOne(name, signal);
        if (!signal.aborted) group.replace(samples);
      },
      leaveOut: () => group.replace(host.leftOut(name)),
    };
  });
}
