import { CORE_SCHEMA, NOT_RESOLVED } from 'js-yaml';
import type { Scalar, ScalarNode } from './nodes.ts';

const IMPLICIT = CORE_SCHEMA.tags.flatMap((tag) => (tag.nodeKind === 'scalar' && tag.implicit ? [tag] : []));

/** The value of a plain scalar in YAML's core schema. */
export function plainScalar(text: string): Scalar {
  for (const tag of IMPLICIT) {
    const value: unknown = tag.resolve(text, false, tag.tagName);
    if (value !== NOT_RESOLVED && isScalar(value)) return value;
  }
  return text;
}

/**
 * YAML 1.1's booleans, as go-yaml reads them where a boolean is expected.
 * @see https://yaml.org/type/bool.html
 */
const YES = /^(?:y|Y|yes|Yes|YES|on|On|ON)$/;
const NO = /^(?:n|N|no|No|NO|off|Off|OFF)$/;

/** `1_000`, a number in YAML 1.1. */
const SPACED_INTEGER = /^[-+]?[1-9]\d*(?:_\d+)+$/;

/** go-yaml's other readings of a plain scalar, by what is expected: a boolean, a number, or the text as written. */
export function goAlternatives(value: Scalar, written: string): ScalarNode['alternatives'] {
  if (value === null) return [undefined];
  if (typeof value !== 'string') return [written];
  if (SPACED_INTEGER.test(value)) return [Number(value.replaceAll('_', ''))];
  return yamlBoolean(value);
}

/** go-yaml also reads a quoted `"yes"` as a boolean, but not `"true"`. */
export function yamlBoolean(value: Scalar): ScalarNode['alternatives'] {
  if (typeof value !== 'string') return [];
  if (YES.test(value)) return [true];
  return NO.test(value) ? [false] : [];
}

/**
 * The bytes of a `!!binary`; undefined when it is not base64.
 * @see https://yaml.org/type/binary.html
 */
export function binaryScalar(text: string): Uint8Array | undefined {
  const plain = text.replace(/\s+/g, '');
  const valid = /^[A-Za-z0-9+/]*={0,2}$/.test(plain) && plain.length % 4 === 0;
  return valid ? new Uint8Array(Buffer.from(plain, 'base64')) : undefined;
}

export function isScalar(value: unknown): value is Scalar {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}
