import { dump } from 'js-yaml';
import { describeKeys } from '../schema/describe-keys.ts';
import type { KeyDescription } from '../schema/describe-keys.ts';
import { describingContext, rootSchema } from '../root.ts';

const TABLE = /(<!-- keys: ([\w, ]+) -->\n\n)[^]*?(\n<!-- end of keys -->)/g;

/** A page of the docs with every table of keys replaced by one made from the declarations. */
export function withKeyTables(page: string, collectors: readonly string[]): string {
  const keys = describeKeys(rootSchema(describingContext({ probers: [], collectors })));
  return page.replace(TABLE, (_, begin: string, names: string, end: string) => {
    const sections = names.split(/,\s*/);
    const rows = keys.filter(({ path }) => sections.includes(/^\w+/.exec(path)?.[0] ?? '')).map(row);
    return `${begin}| key | type | default | meaning |\n|---|---|---|---|\n${rows.join('')}${end}`;
  });
}

function row(key: KeyDescription): string {
  const { description = '', restart } = key.notes;
  const meaning = restart === true ? `${description} (needs a restart)` : description;
  const cells = [`\`${key.path}\``, key.kind, defaultCell(key), meaning];
  return `|${cells.map((cell) => (cell === '' ? ' ' : ` ${cell} `)).join('|')}|\n`;
}

function defaultCell({ kind, default: given, required, notes }: KeyDescription): string {
  if (notes.whenAbsent !== undefined) return notes.whenAbsent;
  if (given === undefined) return required ? 'required' : '';
  const written = dump(given, { flowLevel: 0 }).trim();
  // its keys have their own defaults
  if (kind === 'mapping' && written === '{}') return '';
  return `\`${written.replace(/^'(.*)'$/, '$1')}\``;
}
