import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { RUN_FAMILIES } from '../../src/probes/families.ts';
import { probers } from '../../src/probes/registry.ts';
import { realFiles } from '../support/probes/probe.ts';

function page(type: string): string {
  return readFileSync(`docs/probers/${type}.md`, 'utf8');
}

/** Names of all properties in a JSON schema, at any depth. */
function keysOf(schema: unknown): readonly string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const properties =
    'properties' in schema && typeof schema.properties === 'object'
      ? Object.keys(schema.properties ?? {})
      : [];
  return [...properties, ...Object.values(schema).flatMap(keysOf)];
}

describe.each(probers)('the docs page of $type', ({ type, families, schema }) => {
  it('has every family', () => {
    expect(families.filter(({ name }) => !page(type).includes(name))).toEqual([]);
  });

  it('has every setting', () => {
    const keys = keysOf(z.toJSONSchema(schema(realFiles), { io: 'input', unrepresentable: 'any' }));
    expect(keys.length).toBeGreaterThan(3);
    expect(keys.filter((key) => !new RegExp(`\\b${key}\\b`).test(page(type)))).toEqual([]);
  });
});

it('the docs page of http has the families of every run', () => {
  expect(RUN_FAMILIES.filter(({ name }) => !page('http').includes(name))).toEqual([]);
});
