import { afterAll, describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { dump } from 'js-yaml';
import { describeKeys } from '../../src/config/schema/describe-keys.ts';
import { jsonSchema } from '../../src/config/reference/json-schema.ts';
import { withKeyTables } from '../../src/config/reference/tables.ts';
import { describingContext, ROOT_KEYS, rootSchema } from '../../src/config/root.ts';
import { DURATION_PATTERN, parseDuration, parseSize, SIZE_PATTERN } from '../../src/domain/quantity.ts';
import { collectors as registered } from '../../src/host/registry.ts';
import { probers } from '../../src/probes/registry.ts';
import { ConfigFolder } from '../support/config/config-files.ts';
import { schemaCheck } from '../support/config/json-schema.ts';

const folder = new ConfigFolder();
afterAll(() => folder.remove());

const collectors = registered.map(({ name }) => name);
const shipped = readFileSync('tocsin.schema.json', 'utf8');
const check = schemaCheck(JSON.parse(shipped) as object);
const page = readFileSync('docs/configuration.md', 'utf8');
const keys = describeKeys(rootSchema(describingContext({ probers, collectors })));

describe('what is generated from the declarations of the keys', () => {
  it('is up to date: npm run generate writes it', () => {
    expect(withKeyTables(page, collectors)).toBe(page);
    expect(shipped).toBe(`${JSON.stringify(jsonSchema({ probers, collectors }), null, 2)}\n`);
  });

  it('has a table for every section', () => {
    const named = [...page.matchAll(/<!-- keys: (.*?) -->/g)].flatMap(([, names = '']) => names.split(', '));
    expect(named.sort()).toEqual(Object.keys(ROOT_KEYS).sort());
  });

  it('describes every key of tocsin.yml', () => {
    const own = describeKeys(rootSchema(describingContext({ probers: [], collectors })));
    const without = own.filter(({ notes }) => (notes.description ?? '') === '').map(({ path }) => path);
    expect(without).toEqual([]);
  });
});

/** The YAML examples of the docs that are a complete configuration, or the settings of a prober. */
function examples(): (readonly [string, string])[] {
  const pages = ['docs', 'docs/probers', 'docs/runbooks'].flatMap((path) =>
    readdirSync(path)
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(path, name)),
  );
  return pages.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/```yaml\n(.*?)```/gs)].flatMap(([, text = '']) => {
      const first = /^(\w+):/.exec(text.replace(/^#.*\n/gm, ''))?.[1] ?? '';
      const type = probers.find((one) => one.type === first)?.type;
      if (type !== undefined)
        return [[file, `services:\n- name: a\n  target: b\n${text.replace(/^/gm, '  ')}`] as const];
      // the one of docker-compose.yml is a mapping
      const ours = first in ROOT_KEYS && !/^services:\n {2}\w/m.test(text);
      return ours ? [[file, text] as const] : [];
    }),
  );
}

interface JsonSchema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

/** Every property below a schema, with its description or an empty text; a free one is `*`. */
function describedProperties(schema: JsonSchema, prefix = ''): (readonly [path: string, text: string])[] {
  const { properties = {}, additionalProperties: others, items, anyOf = [] } = schema;
  const free = typeof others === 'object' ? { '*': others } : {};
  return [
    ...Object.entries({ ...properties, ...free }).flatMap(([name, one]) => {
      const path = `${prefix}.${name}`;
      return [[path, one.description ?? ''] as const, ...describedProperties(one, path)];
    }),
    ...(items === undefined ? [] : describedProperties(items, `${prefix}[]`)),
    ...anyOf.flatMap((one) => describedProperties(one, prefix)),
  ];
}

describe('tocsin.schema.json', () => {
  it.each(['tocsin.yml', 'stack/tocsin.yml'])('is named by %s, and allows it', (file) => {
    const text = readFileSync(file, 'utf8');
    const path = /^# yaml-language-server: \$schema=(\S+)\n/.exec(text)?.[1] ?? '';
    expect(existsSync(join(dirname(file), path))).toBe(true);
    expect(check(text)).toEqual([]);
  });

  it.each(examples())('allows an example of %s', (_, text) => {
    expect(check(text)).toEqual([]);
  });

  it('is compared with many examples', () => {
    expect(examples().length).toBeGreaterThan(15);
  });

  it('describes every property, those of probers among them', () => {
    const described = describedProperties(JSON.parse(shipped) as JsonSchema);
    expect(described.length).toBeGreaterThan(400);
    expect(described.filter(([, text]) => text === '').map(([path]) => path)).toEqual([]);
  });

  it('allows variables and keys without a value', () => {
    const text = `
server: { max_connections: '\${N}', lifecycle: '\${ON:-true}', listen: '\${HOST}:10464', node: }
metrics: { max_unsent: '\${SIZE}', histograms: '\${MODE}' }
scheduler:
services: [{ name: a, target: 'http://\${HOST}/', interval: '\${EVERY}', http: }]
`;
    expect(check(text)).toEqual([]);
  });

  it.each([
    ['an unknown section', 'servers: {}'],
    ['a duration without a unit', 'scheduler: { interval: 30 }'],
    ['a token without a secret', 'server: { tokens: [{ name: a, scopes: [read] }] }'],
    [
      'a token with two secrets',
      'server: { tokens: [{ name: a, token: b, token_file: c, scopes: [read] }] }',
    ],
    ['a scope that does not exist', 'server: { tokens: [{ name: a, token: b, scopes: [write] }] }'],
    ['an unknown collector', 'host: { collectors: { disable: [gpu] } }'],
    ['a service without a name', 'services: [{ target: "b:1", tcp: {} }]'],
    ['a service without a prober', 'services: [{ name: a, target: "b:1" }]'],
    ['a service with two probers', 'services: [{ name: a, target: "b:1", tcp: {}, icmp: {} }]'],
    ['a service without a target', 'services: [{ name: a, tcp: {} }]'],
    [
      'a service with target and targets',
      'services: [{ name: a, target: "b:1", targets: ["c:1"], tcp: {} }]',
    ],
    ['a misspelt setting of a prober', 'services: [{ name: a, target: "http://b", http: { metod: GET } }]'],
    ['a sink without a destination', 'sinks: [{ name: a }]'],
    ['a sink with two destinations', 'sinks: [{ name: a, log: {}, http: { url: "http://b" } }]'],
    ['a name with capitals', 'webhooks: [{ name: Main }]'],
    ['three levels of escalation', 'escalation: { critical: [1m, 2m, 3m] }'],
    ['a watchdog whose labels are not a mapping', 'watchdogs: [{ name: a, match: x, expect_every: 1m }]'],
  ])('refuses %s, as the parser does', (_, text) => {
    expect(folder.problems(text, { probers, collectors })).not.toEqual([]);
    expect(check(text)).not.toEqual([]);
  });
});

/** A value that is invalid for this kind of key; undefined where it accepts nearly everything. */
function wrongValue(kind: string): unknown {
  if (kind === 'duration' || kind === 'size' || kind === 'HOST:PORT') return 'many parsecs';
  if (kind.startsWith('list') || kind === 'number' || kind === 'boolean') return 'much';
  if (kind.startsWith('`')) return 'something else';
  if (kind.startsWith('mapping')) return 'no mapping';
  return /^(?:text|name|path|secret|URL|secret URL|regular expression)$/.test(kind) ? { a: 1 } : undefined;
}

/** `a.b[].c` with a value: `{ a: { b: [{ c: value }] } }`. */
function nested(path: string, value: unknown): unknown {
  return path
    .split('.')
    .reverse()
    .reduce<unknown>((inner, segment) => {
      const [name = '', ...lists] = segment.split('[]');
      return { [name]: lists.reduce<unknown>((one) => [one], inner) };
    }, value);
}

describe('a value of the wrong kind', () => {
  const cases = keys.flatMap(({ path, kind }) => {
    const value = path.includes('*') ? undefined : wrongValue(kind);
    return value === undefined ? [] : [[path, kind, dump(nested(path, value))] as const];
  });

  it('is tried for many keys', () => {
    expect(cases.length).toBeGreaterThan(200);
  });

  it.each(cases)('%s (%s) is refused by parser and schema', (path, _, text) => {
    const at = path.replaceAll('[]', '[0]');
    const used = probers.filter(({ type }) => path.startsWith(`services[].${type}`));
    expect(folder.problems(text, { probers: used, collectors }).join('\n')).toContain(at);
    const refused = at.replace(/\[0\]$/, '');
    expect(check(text).join('\n')).toContain(refused);
  });
});

describe('the patterns of the schema', () => {
  const letters = (alphabet: string) => fc.stringMatching(new RegExp(`^[${alphabet}]{0,8}$`));

  it('of a duration match exactly durations', () => {
    const pattern = new RegExp(DURATION_PATTERN);
    fc.assert(
      fc.property(letters('0123ywdhms'), (text) => {
        expect(pattern.test(text)).toBe(parseDuration(text) !== undefined);
      }),
      { numRuns: 2_000 },
    );
  });

  it('of a size match exactly sizes', () => {
    const pattern = new RegExp(SIZE_PATTERN);
    fc.assert(
      fc.property(letters('01.BKMGTi'), (text) => {
        expect(pattern.test(text)).toBe(parseSize(text) !== undefined);
      }),
      { numRuns: 2_000 },
    );
  });
});
