import { z } from 'zod';
import type { ConfigContext } from '../schema/context.ts';
import { notesOf } from '../schema/describe-keys.ts';
import { describingContext, rootSchema } from '../root.ts';

type JsonSchema = z.core.JSONSchema.BaseSchema;

/** A value that is only a `${NAME}` may become a number or boolean; otherwise a variable is part of a text. */
const WHOLE_VARIABLE = String.raw`^\$\{[^}]*\}$`;
const VARIABLE = String.raw`\$\{`;

/**
 * `tocsin.yml` as a JSON Schema for editors, in the draft that all of them know. It accepts everything that is read
 * without a problem: variables in place of values, and keys without one. Rules between keys are left to `tocsin check`.
 */
export function jsonSchema(parts: Pick<ConfigContext, 'probers' | 'collectors'>): JsonSchema {
  const schema = z.toJSONSchema(rootSchema(describingContext(parts)), {
    io: 'input',
    target: 'draft-7',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema: made }) => {
      describe(zodSchema, made);
    },
  });
  return { ...relaxed(schema, true), title: 'tocsin.yml' };
}

function describe(from: z.core.$ZodType, made: JsonSchema): void {
  const { whenAbsent, restart, description = '' } = notesOf(from);
  delete made['property'];
  delete made['whenAbsent'];
  delete made['restart'];
  delete made.description;
  // link targets are relative to the docs
  const plain = description.replace(/\[([^\]]+)\]\([^)]+\)/g, '$1');
  const text = restart === true ? `${plain} (needs a restart)` : plain;
  if (text !== '') made.description = text;
  if (whenAbsent !== undefined) delete made.default;
}

/** @param optional whether a key without a value counts as left out */
function relaxed(schema: JsonSchema, optional: boolean): JsonSchema {
  const inner = relaxedInside(schema);
  const scalar = withVariables(inner);
  return optional ? nullable(scalar) : scalar;
}

function relaxedInside(schema: JsonSchema): JsonSchema {
  const { properties, additionalProperties: others, items, anyOf, required = [] } = schema;
  return {
    ...schema,
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, value]) => [name, part(value, !required.includes(name))]),
      ),
    }),
    ...(others !== undefined && { additionalProperties: part(others, false) }),
    ...(items !== undefined && !Array.isArray(items) && { items: part(items, false) }),
    ...(anyOf && { anyOf: anyOf.map((one) => part(one, false)) }),
  };
}

function part<Part extends JsonSchema | boolean>(schema: Part, optional: boolean): Part | JsonSchema {
  return typeof schema === 'boolean' ? schema : relaxed(schema, optional);
}

function withVariables(schema: JsonSchema): JsonSchema {
  const { type, pattern, enum: several, const: one, ...rest } = schema;
  const values = several ?? (one === undefined ? undefined : [one]);
  if (values !== undefined)
    return { ...rest, anyOf: [{ enum: values }, { type: 'string', pattern: VARIABLE }] };
  if (pattern !== undefined) return { ...schema, pattern: `${VARIABLE}|${pattern}` };
  if (type !== 'number' && type !== 'integer' && type !== 'boolean') return schema;
  return { ...rest, type: [type, 'string'], pattern: WHOLE_VARIABLE } as unknown as JsonSchema;
}

function nullable(schema: JsonSchema): JsonSchema {
  const { type, anyOf } = schema;
  if (anyOf !== undefined) return { ...schema, anyOf: [...anyOf, { type: 'null' }] };
  if (type === undefined) return schema;
  return { ...schema, type: [type, 'null'].flat() } as unknown as JsonSchema;
}
