import { formatValue } from '../../src/exposition/formats/number-writer.ts';
import type { FamilySnapshot, TableSnapshot } from '../../src/exposition/table/series-table.ts';
import {
  exemplarSuffix,
  linePrefixes,
  renderHeader,
  type TextDialect,
} from '../../src/exposition/formats/text-lines.ts';

const PLAIN: TextDialect = { openMetrics: false, escaping: 'underscores' };

/** A whole exposition as text, from the lines that the engine writes. */
export function renderText({ families }: TableSnapshot, dialect: TextDialect = PLAIN): string {
  const text = families.map((family) => familyText(family, dialect)).join('');
  return dialect.openMetrics && text !== '' ? `${text}# EOF\n` : text;
}

function familyText(snapshot: FamilySnapshot, dialect: TextDialect): string {
  const lines = snapshot.blocks.flatMap(({ state, runs }) => {
    let line = 0;
    return state.series.flatMap((series, i) => {
      const compound = state.compounds[i];
      const exemplars = compound !== undefined && 'bounds' in compound ? compound.exemplars : undefined;
      const first = line;
      line += series.lines;
      if (runs?.every(([from, to]) => i < from || i >= to) === true) return [];
      return linePrefixes(snapshot.family, series, dialect).map((prefix, k) => {
        const suffix = dialect.openMetrics ? exemplarSuffix(exemplars?.[k], dialect.escaping) : '';
        return `${prefix}${formatValue(state.values[first + k] ?? 0)}${suffix}\n`;
      });
    });
  });
  return renderHeader(snapshot, dialect) + lines.join('');
}
