/** SQLite codes that blame the statement and not the store. */
const STATEMENT_CODES = [
  'SQLITE_ERROR',
  'SQLITE_CONSTRAINT',
  'SQLITE_MISMATCH',
  'SQLITE_TOOBIG',
  'SQLITE_RANGE',
];

/** SQLite's extended result code, for example `SQLITE_BUSY`; empty for other errors. */
export function sqliteCode(error: unknown): string {
  // not by `instanceof`: the driver's addon throws the class of whichever module instance loaded it first in the
  // process
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && code.startsWith('SQLITE_') ? code : '';
}

/** Whether the store failed (disk full, I/O, damage, locks), and not the statement. */
export function isStoreFailure(error: unknown): boolean {
  const code = sqliteCode(error);
  return code !== '' && !STATEMENT_CODES.some((statement) => code.startsWith(statement));
}
