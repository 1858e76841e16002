import type { z } from 'zod';
import type { Path } from './path.ts';

/** One key that a schema knows, for the reference and its test. */
export interface KeyDescription {
  /** Such as `server.tokens[].name`; a free key is `*`. */
  readonly path: string;
  /** As it would be written; absent when there is none. */
  readonly default?: unknown;
}

type Schema = z.core.$ZodType;

/** Schemas without the wrappers that change nothing about their keys; a union gives all its branches. */
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

/** Every key below a schema, depth first, each with its default where it has one. */
export function describeKeys(schema: Schema, prefix = ''): KeyDescription[] {
  return unwrap(schema).flatMap(({ _zod: { def } }) => {
    if (def.type === 'array') return describeKeys(def.element, `${prefix}[]`);
    if (def.type === 'record') return describeBelow(`${prefix}.*`, def.valueType);
    if (def.type !== 'object') return [];
    return Object.entries(def.shape).flatMap(([key, value]) =>
      describeBelow(prefix === '' ? key : `${prefix}.${key}`, value),
    );
  });
}

function describeBelow(path: string, schema: Schema): KeyDescription[] {
  const given = defaultOf(schema);
  return [given === undefined ? { path } : { path, default: given }, ...describeKeys(schema, path)];
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
