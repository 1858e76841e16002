import type { SeriesTable } from '../../../src/exposition/table/series-table.ts';
import { renderText } from '../render-text.ts';

/** The value of every series of a table, by its text: `probe_success{service="a"}`. */
export function seriesOf(table: SeriesTable): Map<string, number> {
  const lines = renderText(table.snapshot())
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}
