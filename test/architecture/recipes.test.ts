import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { repositoryFiles, ROOT } from '../support/architecture/source.ts';

/** A recipe of CONTRIBUTING.md ("Where do I add …"), and one that was made by it. */
interface Recipe {
  /** Its heading, without the ellipsis. */
  readonly heading: string;
  /** What its placeholders stand for in the example: `<type>`. */
  readonly names?: Readonly<Record<string, string>>;
  /** What is found in exactly those source files that the example touches. */
  readonly marks: RegExp;
  /** These files. */
  readonly sources: readonly string[];
  /** A folder whose files are parts of the first of them. */
  readonly parts?: string;
  /** A further file, where the recipe says on which condition. */
  readonly optional?: string;
}

const RECIPES: readonly Recipe[] = [
  {
    heading: 'a prober',
    names: { type: 'websocket' },
    marks: /websocket/i,
    sources: ['src/probes/websocket.ts', 'src/probes/registry.ts'],
    parts: 'src/probes/websocket/',
  },
  {
    heading: 'a collector',
    names: { subject: 'cpu', name: 'cpufreq' },
    marks: /cpufreq/i,
    sources: ['src/host/collectors/cpu/cpufreq.ts', 'src/host/registry.ts'],
  },
  {
    heading: 'a sink',
    names: { type: 'redis' },
    marks: /redisSink/i,
    sources: ['src/events/sinks/redis.ts', 'src/config/sections/sinks.ts', 'src/app/event-delivery.ts'],
  },
  {
    heading: 'a route',
    names: { group: 'sinks' },
    marks: /createSinksRoute|api\/v1\/sinks/,
    sources: ['src/http/routes/sinks.ts', 'src/app/routes.ts'],
    optional: 'src/http/routes/landing.ts',
  },
  {
    heading: 'a configuration key',
    names: { section: 'metrics' },
    marks: /max_unsent|maxUnsentBytes/,
    // the second is where it acts
    sources: ['src/config/sections/metrics.ts', 'src/app/clients.ts'],
  },
  {
    heading: 'a metric',
    names: { subject: 'sinks' },
    marks: /tocsin_sink_failures_total|sinks\.failure\(/,
    // the second is the caller
    sources: ['src/metrics/self/sinks.ts', 'src/app/event-delivery.ts'],
  },
  {
    heading: 'a metric',
    names: { subject: 'sinks' },
    marks: /tocsin_check_info|CHECK\.info/,
    sources: ['src/metrics/check-families.ts', 'src/metrics/check-metrics.ts'],
  },
  {
    heading: 'an event',
    marks: /tocsin\.config\.reloaded/,
    // the second is where it happens
    sources: ['src/domain/event.ts', 'src/app/reload.ts'],
  },
];

const page = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8');
const files = repositoryFiles();
const sources = files.filter((path) => /^src\/.*\.ts$/.test(path));

/** The text of a recipe, with the names of its example. */
function textOf({ heading, names = {} }: Recipe): string {
  const [, text = ''] = page.split(`### … ${heading}\n`);
  const [recipe = ''] = text.split(/^##/m);
  return recipe.replace(/<(\w+)>/g, (placeholder, name: string) => names[name] ?? placeholder);
}

/** The paths in backquotes; `…` stands for any folders. */
function pathsIn(text: string): readonly string[] {
  const quoted = [...text.matchAll(/`([^`\s]+)`/g)].map(([, path = '']) => path);
  return quoted.filter((path) =>
    /^(?:src|test|docs|prometheus|grafana|scripts)\/|^\w+\.md$|^tocsin\.schema\.json$/.test(path),
  );
}

/** Whether a file or folder exists. */
function exists(path: string): boolean {
  const [before = '', after] = path.split('…');
  return files.some((file) =>
    after === undefined
      ? file === path || file.startsWith(`${path.replace(/\/$/, '')}/`)
      : file.startsWith(before) && file.endsWith(after),
  );
}

/** Whether a recipe names a file, or the folder that it is in. */
const isNamed = (path: string, names: readonly string[]): boolean =>
  names.some((name) => path === name || path.startsWith(`${name.replace(/\/$/, '')}/`));

describe.each(RECIPES)('the recipe for $heading', (recipe) => {
  const text = textOf(recipe);
  const named = pathsIn(text);

  it('names only files that exist', () => {
    expect(named.length).toBeGreaterThan(2);
    expect(named.filter((path) => !exists(path))).toEqual([]);
  });

  it('names exactly the source files that its example touches', () => {
    const { marks, parts = '-', optional } = recipe;
    const touched = sources.filter((path) => marks.test(readFileSync(join(ROOT, path), 'utf8')));
    const expected = optional === undefined ? recipe.sources : [...recipe.sources, optional];
    expect(touched.filter((path) => !path.startsWith(parts))).toEqual([...expected].sort());
    expect(expected.filter((path) => !isNamed(path, named))).toEqual([]);
  });
});

it.each([
  ['a prober', 2],
  ['a collector', 2],
  ['a sink', 3],
  ['a route', 2],
  ['a configuration key', 2],
  ['a metric', 2],
  ['an event', 2],
])('%s takes %i source files', (heading, count) => {
  const made = RECIPES.filter((recipe) => recipe.heading === heading);
  expect(made.map((recipe) => recipe.sources.length)).toEqual(made.map(() => count));
});

it('every recipe of the page is checked', () => {
  const headings = [...page.matchAll(/^### … (.*)$/gm)].map(([, heading]) => heading);
  expect(headings).toEqual([...new Set(RECIPES.map(({ heading }) => heading))]);
});
