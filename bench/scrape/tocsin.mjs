import { tuneHeap } from '../../dist/app/heap.js';
import { SeriesTable } from '../../dist/exposition/table/series-table.js';
import { ScrapeSource } from '../../dist/exposition/render/scrape-source.js';
import { systemClock } from '../../dist/domain/clock.js';
import { families, labelsOf, newValue, writers } from './workload.mjs';

/** The series table, written to by many groups as checks do, and scraped through its snapshots. */
export function createTocsin(series) {
  tuneHeap();
  const table = new SeriesTable();
  const groups = Array.from({ length: writers(series) }, (_, writer) => ({
    group: table.group(),
    labels: families.map((_, i) => labelsOf(writer, i)),
    values: Float64Array.from(families, newValue),
  }));
  const write = ({ group, labels, values }) =>
    group.replace(families.map((family, i) => ({ family, labels: labels[i], value: values[i] })));
  groups.forEach(write);
  const source = new ScrapeSource({
    table,
    collectors: [],
    clock: systemClock,
    onCollectorFailure: () => undefined,
    onCoalesced: () => undefined,
    onRendered: () => undefined,
  });
  return {
    change(share) {
      for (const writer of groups) {
        families.forEach((family, i) => {
          if (Math.random() < share) writer.values[i] = newValue(family);
        });
        write(writer);
      }
    },
    async scrape(format, compressed) {
      const { chunks, release } = await source.scrape({
        waitMs: 60_000,
        format: { name: format, escaping: 'underscores' },
        encoding: compressed ? 'gzip' : 'identity',
        signal: new AbortController().signal,
      });
      const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      release();
      return bytes;
    },
  };
}
