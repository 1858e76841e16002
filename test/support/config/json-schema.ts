import Ajv from 'ajv';
import { toData } from '../../../src/config/yaml/nodes.ts';
import { jsonSchema } from '../../../src/config/reference/json-schema.ts';
import { parseYaml } from '../../../src/config/yaml/yaml.ts';
import type { Prober } from '../../../src/probes/prober.ts';

/** The errors of a configuration under a JSON Schema, one line each. */
export type SchemaCheck = (text: string) => readonly string[];

/** Validates configurations against a JSON Schema as an editor does: before any variable is expanded. */
export function schemaCheck(schema: object): SchemaCheck {
  const validate = new Ajv({ allErrors: true }).compile(schema);
  return (text) => {
    const { root } = parseYaml(text, ownNames(text));
    if (root === undefined || validate(toData(root, new Set())) === true) return [];
    return (validate.errors ?? []).map(({ dataPath, message = '' }) => `${dataPath} ${message}`);
  };
}

const ofProbers = new WeakMap<readonly Prober[], SchemaCheck>();

/** The check against the schema that is generated for these probers and collectors. */
export function generatedSchemaCheck(probers: readonly Prober[], collectors: readonly string[]): SchemaCheck {
  const known = ofProbers.get(probers);
  if (known !== undefined) return known;
  const made = schemaCheck(jsonSchema({ probers, collectors }));
  ofProbers.set(probers, made);
  return made;
}

/** An environment in which every variable holds its own reference, so that the text is unchanged. */
function ownNames(text: string): Record<string, string> {
  const names = [...text.matchAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)/g)].map(([, name = '']) => name);
  return Object.fromEntries(names.map((name) => [name, `\${${name}}`]));
}
