import Database from 'better-sqlite3';

/** The content of a damaged column: a truncated or garbled text, or a value of another type. */
export type Damage = 'cut' | 'garbled' | 'bytes' | 'number';

const EXPRESSIONS: Readonly<Record<Damage, (column: string) => string>> = {
  cut: (column) => `substr(CAST(${column} AS TEXT), 1, length(CAST(${column} AS TEXT)) / 2) || '"'`,
  garbled: () => `'{"#'`,
  bytes: () => `x'00ff10'`,
  number: () => '0.5',
};

export interface DamagedColumn {
  readonly table: string;
  readonly column: string;
  /** Which rows; default: all. */
  readonly where?: string;
  readonly damage?: Damage;
}

/** Damages columns of a ledger that is not open. */
export function damage(path: string, columns: readonly DamagedColumn[]): void {
  const database = new Database(path);
  for (const { table, column, where = 'true', damage: how = 'garbled' } of columns)
    database.exec(`UPDATE ${table} SET ${column} = ${EXPRESSIONS[how](column)} WHERE ${where}`);
  database.close();
}

/** One value of the file, as stored by SQLite. */
export function storedValue(path: string, sql: string): unknown {
  const database = new Database(path, { readonly: true });
  const value: unknown = database.prepare(sql).pluck().get();
  database.close();
  return value;
}
