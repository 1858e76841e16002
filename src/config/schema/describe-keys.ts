import { z } from 'zod';
import type { Path } from '../yaml/path.ts';

/** What is known of a key besides its schema. */
export interface KeyNotes {
  readonly description?: string | undefined;
  readonly property?: string;
  /** The name of a kind of value with a syntax of its own. */
  readonly title?: string | undefined;
  /** Markdown for the docs, where what applies without the key is not a default of its schema. */
  readonly whenAbsent?: string;
  /** A reload leaves it as it is. */
  readonly restart?: true;
}

/** One key that a schema knows. */
export interface KeyDescription {
  /** Such as `server.tokens[].name`; a free key is `*`. */
  readonly path: string;
  /** As in the reference: `duration`, `list of networks`. */
  readonly kind: string;
  /** As it would be written; absent if the key has no default. */
  readonly default?: unknown;
  readonly required: boolean;
  readonly notes: KeyNotes;
}

type Schema = z.core.$ZodType;

/** The notes of a schema, whether of a key or of a kind of value such as `duration`. */
export function notesOf(schema: z.core.$ZodType): KeyNotes {
  return z.globalRegistry.get(schema) ?? {};
}

/** Schemas without the wrappers that do not affect their keys; a union gives all its branches. */
function unwrap(schema: Schema): z.core.$ZodTypes[] {
  const known = schema as z.core.$ZodTypes;
  const { def } = known._zod;
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      return unwrap(def.innerType);
    case 'pipe':
      return unwrap(def.in._zod.def.type === 'transform' ? def.out : def.in);
    case 'lazy':
      return unwrap(def.getter());
    case 'union':
      return def.options.flatMap(unwrap);
    case 'intersection':
      return [...unwrap(def.left), ...unwrap(def.right)];
    default:
      return [known];
  }
}

function step(schema: z.core.$ZodTypes, segment: string | number): Schema[] {
  const { def } = schema._zod;
  if (def.type === 'array') return [def.element];
  if (def.type === 'record') return [def.valueType];
  if (def.type !== 'object' || !Object.hasOwn(def.shape, segment)) return [];
  const next = def.shape[segment];
  return next === undefined ? [] : [next];
}

/** The keys that mappings at a path may have, by their schema. */
export function keysAt(schema: Schema, path: Path): string[] {
  let open = unwrap(schema);
  for (const segment of path) open = open.flatMap((one) => step(one, segment)).flatMap(unwrap);
  const keys = open.flatMap(({ _zod: { def } }) => (def.type === 'object' ? Object.keys(def.shape) : []));
  return [...new Set(keys)];
}

/** Every key below a schema, depth first. */
export function describeKeys(schema: Schema, prefix = ''): KeyDescription[] {
  return unwrap(schema).flatMap(({ _zod: { def } }) => {
    if (def.type === 'array') return describeKeys(def.element, `${prefix}[]`);
    if (def.type === 'record') return describeBelow(`${prefix}.*`, def.valueType, false);
    if (def.type !== 'object') return [];
    return Object.entries(def.shape).flatMap(([key, value]) =>
      describeBelow(prefix === '' ? key : `${prefix}.${key}`, value, value._zod.optin !== 'optional'),
    );
  });
}

function describeBelow(path: string, schema: Schema, required: boolean): KeyDescription[] {
  const notes = notesOf(schema);
  const given = notes.whenAbsent === undefined ? defaultOf(schema) : undefined;
  const own = { path, kind: kindOf(schema), required, notes, ...(given !== undefined && { default: given }) };
  return [own, ...describeKeys(schema, path)];
}

function defaultOf(schema: Schema): unknown {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'default':
    case 'prefault':
      return def.defaultValue;
    case 'pipe':
      return defaultOf(def.in);
    case 'optional':
    case 'nullable':
    case 'readonly':
      return defaultOf(def.innerType);
    default:
      return undefined;
  }
}

/** What a schema accepts, in words: for one with a syntax of its own, its title. */
function kindOf(schema: Schema): string {
  const title = titleOf(schema);
  if (title !== undefined) return title;
  const kinds = unwrap(schema).map(plainKind);
  return [...new Set(kinds)]
    .sort((a, b) => Number(a.startsWith('`')) - Number(b.startsWith('`')))
    .join(' or ');
}

/** The title of a schema or of one that it wraps. */
function titleOf(schema: Schema): string | undefined {
  const { title } = notesOf(schema);
  if (title !== undefined) return title;
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if (def.type === 'pipe') return titleOf(def.in._zod.def.type === 'transform' ? def.out : def.in);
  return 'innerType' in def ? titleOf(def.innerType) : undefined;
}

function plainKind({ _zod: { def } }: z.core.$ZodTypes): string {
  switch (def.type) {
    case 'object':
    case 'record':
      return 'mapping';
    case 'array': {
      const title = titleOf(def.element);
      return title === undefined || title.includes(',') ? 'list' : `list of ${title}s`;
    }
    case 'string':
      return 'text';
    case 'enum':
      return Object.values(def.entries)
        .map((value) => `\`${value}\``)
        .join(' or ');
    case 'literal':
      return def.values.map((value) => `\`${String(value)}\``).join(' or ');
    default:
      return def.type;
  }
}
