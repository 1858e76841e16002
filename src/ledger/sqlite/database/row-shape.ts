/** Expected type of a column; a time is in milliseconds since the epoch. SQLite itself does not enforce types. */
type Kind = 'integer' | 'time' | 'text' | 'bytes';
export type Column = Kind | `${Kind} or null`;
export type Shape<Row> = { readonly [Name in keyof Row & string]: Column };

/** The limit of `Date`. */
const MAX_TIME_MS = 8.64e15;

const TYPE_CHECKS: Readonly<Record<Kind, (value: unknown) => boolean>> = {
  integer: isInteger,
  time: (value) => isInteger(value) && value >= -MAX_TIME_MS && value <= MAX_TIME_MS,
  text: (value) => typeof value === 'string',
  bytes: (value) => value instanceof Uint8Array,
};

function isInteger(value: unknown): value is number | bigint {
  return typeof value === 'bigint' || Number.isSafeInteger(value);
}

interface Check {
  readonly name: string;
  readonly column: Column;
  readonly holds: (value: unknown) => boolean;
  readonly nullable: boolean;
}

/** @returns a function that throws if a column of the row has the wrong type */
export function rowValidator<Row extends object>(shape: Shape<Row>): (row: Row) => void {
  const checks = checksOf(shape);
  return (row) => {
    for (const check of checks) {
      const value = valueOf(row, check.name);
      if (!isSound(check, value))
        throw new Error(`its column ${check.name} holds ${describeValue(value)}, expected ${check.column}`);
    }
  };
}

/** @returns a function that returns the names of the columns of the wrong type */
export function damagedColumns<Row extends object>(shape: Shape<Row>): (row: Row) => readonly string[] {
  const checks = checksOf(shape);
  return (row) => checks.filter((check) => !isSound(check, valueOf(row, check.name))).map(({ name }) => name);
}

function checksOf(shape: Readonly<Record<string, Column>>): readonly Check[] {
  return Object.entries(shape).map(([name, column]) => {
    const kind = column.replace(' or null', '') as Kind;
    return { name, column, holds: TYPE_CHECKS[kind], nullable: column !== kind };
  });
}

function isSound({ holds, nullable }: Check, value: unknown): boolean {
  return value === null ? nullable : holds(value);
}

function valueOf(row: object, name: string): unknown {
  return (row as Readonly<Record<string, unknown>>)[name];
}

function describeValue(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.byteLength} bytes`;
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : String(value);
}
