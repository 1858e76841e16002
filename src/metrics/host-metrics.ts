import type { Collector } from '../exposition/render/collectors.ts';
import type { SeriesTable } from '../exposition/table/series-table.ts';
import type { Sample } from './family.ts';

/** The host as the metrics see it: parts with names, each read on its own. */
export interface ReadableHost {
  readonly names: readonly string[];
  collectOne(name: string, signal: AbortSignal): Promise<readonly Sample[]>;
  /** What is told of a part that was not read in time. */
  leftOut(name: string): readonly Sample[];
}

/** Writes what the parts of the host say into the table, whenever a scrape asks for it. */
export function hostCollectors(host: ReadableHost, table: SeriesTable): Collector[] {
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
