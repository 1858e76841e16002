import { CORE_SCHEMA, NOT_RESOLVED } from 'js-yaml';
import type { Scalar } from './document.ts';

const IMPLICIT = CORE_SCHEMA.tags.flatMap((tag) => (tag.nodeKind === 'scalar' && tag.implicit ? [tag] : []));

/** What a plain scalar means in YAML's core schema. */
export function plainScalar(text: string): Scalar {
  for (const tag of IMPLICIT) {
    const value: unknown = tag.resolve(text, false, tag.tagName);
    if (value !== NOT_RESOLVED && isScalar(value)) return value;
  }
  return text;
}

export function isScalar(value: unknown): value is Scalar {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}
