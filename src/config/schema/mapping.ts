import { z } from 'zod';
import type { KeyNotes } from './describe-keys.ts';
import type { Path } from '../yaml/path.ts';
import type { ConfigReader, SectionOptions } from '../reading/reader.ts';

/** A key of a mapping in `tocsin.yml`: its whole declaration, in one place. */
export interface Key<Name extends string = string, Schema extends z.ZodType = z.ZodType> {
  /** The property of the configuration that holds its value. */
  readonly property: Name;
  /** The accepted values, with the default. Its metadata hold the description and the notes. */
  readonly schema: Schema;
}

export type Keys = Readonly<Record<string, Key>>;

/**
 * Declares a key. The docs, the JSON Schema, the configuration's type and the reload are derived from it.
 * @param property its name in the configuration; times end in `Ms`, sizes in `Bytes`
 * @param description Markdown, one line
 */
export function key<const Name extends string, Schema extends z.ZodType>(
  property: Name,
  schema: Schema,
  description: string,
  notes: Pick<KeyNotes, 'whenAbsent' | 'restart'> = {},
): Key<Name, Schema> {
  return { property, schema: schema.meta({ description, property, ...notes }) };
}

type Given<K extends Key> = z.output<K['schema']>;
type Frozen<T> = T extends readonly (infer Item)[] ? readonly Item[] : T;
type Flat<T> = { [Name in keyof T]: T[Name] };

/** The type of a mapping with these keys. */
export type Values<K extends Keys> = Flat<
  {
    readonly [P in keyof K as undefined extends Given<K[P]> ? never : K[P]['property']]: Frozen<Given<K[P]>>;
  } & {
    readonly [P in keyof K as undefined extends Given<K[P]> ? K[P]['property'] : never]?: Frozen<
      Exclude<Given<K[P]>, undefined>
    >;
  }
>;

/** As far as a mapping could be read: an invalid key is absent, one that is left out is undefined or its default. */
type Partly<K extends Keys> = Flat<{
  readonly [P in keyof K as K[P]['property']]?: Frozen<Given<K[P]>>;
}>;

interface MappingRead<K extends Keys> {
  /** Undefined when one of the values is invalid. */
  readonly whole: Values<K> | undefined;
  readonly partial: Partly<K>;
}

/** The schema of a mapping with these keys and no others; its values are by property. */
export function mapping<K extends Keys>(keys: K): z.ZodType<Values<K>> {
  return z
    .strictObject(shapeOf(keys))
    .transform((given) => withoutUndefined(byProperty(keys, given)) as Values<K>);
}

/** Reads a mapping key by key, so that one invalid value does not hide problems in others. */
export function readMapping<K extends Keys>(
  reader: ConfigReader,
  keys: K,
  path: Path,
  options: SectionOptions = {},
): MappingRead<K> {
  const { whole, partial } = reader.section(shapeOf(keys), path, options);
  return {
    whole: whole && (withoutUndefined(byProperty(keys, whole)) as Values<K>),
    partial: byProperty(keys, partial) as Partly<K>,
  };
}

/** Metadata of a mapping that has exactly one of these keys. */
export function exactlyOneOf(...names: readonly string[]) {
  return { oneOf: names.map((name) => ({ required: [name] })) };
}

function shapeOf(keys: Keys): Readonly<Record<string, z.ZodType>> {
  return Object.fromEntries(Object.entries(keys).map(([name, { schema }]) => [name, schema]));
}

function byProperty(keys: Keys, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [keys[name]?.property ?? name, value]),
  );
}

function withoutUndefined(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
