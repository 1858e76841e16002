import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import {
  BUDGET,
  fileLengths,
  folderSizes,
  functionLengths,
  longest,
  percentile,
  tooLong,
} from './support/architecture/budgets.ts';
import {
  danglingImports,
  folderCycles,
  forbiddenImports,
  homeless,
  importCycles,
} from './support/architecture/imports.ts';
import { languageProblems } from './support/architecture/language.ts';
import { parseSource, readSources, repositoryFiles, ROOT } from './support/architecture/source.ts';

// Every test lists what is wrong, each line with its place and what to do; the expected list is empty.

const sources = readSources();
const files = repositoryFiles();
const isText = (path: string): boolean => !/\.(png|ico|gz|db|bin|pb)$/.test(path);
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const packageJson = JSON.parse(read('package.json')) as {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
};

describe('imports', () => {
  it('follow the allowed directions', () => {
    expect(sources.length).toBeGreaterThan(40);
    expect(forbiddenImports(sources)).toEqual([]);
  });

  it('resolve, and have no cycles', () => {
    expect(danglingImports(sources)).toEqual([]);
    expect(importCycles(sources)).toEqual([]);
    expect(folderCycles(sources)).toEqual([]);
  });

  it('have a home for every package', () => {
    expect(homeless(Object.keys(packageJson.dependencies))).toEqual([]);
  });

  const refused: readonly (readonly [string, string, string])[] = [
    ['src/domain/a.ts', `import { x } from '../checks/b.ts';`, 'domain may not know it'],
    ['src/checks/a.ts', `import type { x } from '../app/b.ts';`, 'checks may not know it'],
    ['src/http/a.ts', `import { x } from '../pipeline/b.ts';`, 'http may only `import type` from it'],
    ['src/http/a.ts', `export { x } from '../config/load.ts';`, 'http may only `import type` from it'],
    ['src/http/a.ts', `const x = import('../checks/scheduler/b.ts');`, 'http may only `import type` from it'],
    [
      'src/probes/a.ts',
      `import { createTable, type T } from '../metrics/table.ts';`,
      'probes may only `import type` from it',
    ],
    ['src/exposition/a.ts', `let x: import('../probes/b.ts').X;`, 'exposition may not know it'],
    ['src/main.ts', `import { x } from './app/a.ts';`, 'main.ts may not know it'],
    ['src/app/a.ts', `import { z } from 'zod';`, 'imports zod, whose home is'],
    [
      'src/ledger/a.ts',
      `import type D from 'better-sqlite3';`,
      'imports better-sqlite3 (types), whose home is',
    ],
    ['src/app/a.ts', `import _ from 'lodash/get';`, 'imports lodash, which has no home'],
    ['src/other/a.ts', `import { x } from '../domain/b.ts';`, 'has no import rule'],
  ];
  it.each(refused)('refuses, in %s: %s', (path, text, problem) => {
    expect(forbiddenImports([parseSource(path, text)])).toEqual([expect.stringContaining(problem)]);
  });

  it('finds a cycle of folders that is not a cycle of files', () => {
    const sources = [
      parseSource('src/x/a.ts', `import type { A } from '../y/a.ts';`),
      parseSource('src/y/a.ts', `export interface A {}`),
      parseSource('src/y/b.ts', `import type { B } from '../x/b.ts';`),
      parseSource('src/x/b.ts', `export interface B {}`),
    ];
    expect(importCycles(sources)).toEqual([]);
    expect(folderCycles(sources)).toEqual(['x → y → x']);
  });

  it('finds a cycle once, wherever it is entered', () => {
    const a = parseSource('src/x/a.ts', `import './b.ts';`);
    const b = parseSource('src/x/b.ts', `import './c.ts';`);
    const c = parseSource('src/x/c.ts', `import type { A } from './a.ts';`);
    expect(importCycles([b, c, a])).toEqual(['src/x/a.ts → src/x/b.ts → src/x/c.ts → src/x/a.ts']);
  });
});

describe('language', () => {
  it('follows the rules', () => {
    expect(sources.flatMap(languageProblems)).toEqual([]);
  });

  const refused: readonly (readonly [string, string])[] = [
    ['export default function x() {}', 'exports a default'],
    ['let count = 0;', 'holds state in the module'],
    ['const seen = new Map<string, string>();', 'empty container'],
    ['const list: string[] = [];', 'empty container'],
    ['export const x = process.env;', 'touches process'],
    ['const x = globalThis.process;', 'touches process'],
    [`import { env } from 'node:process';`, 'imports process'],
    ['function f(x: any) {}', 'says any'],
    ['const x = y!;', 'asserts with !'],
    [['// @ts', 'ignore'].join('-'), 'mend what it hides'],
    [['// eslint', 'disable', 'next-line'].join('-'), 'mend what it hides'],
    ['const f = (a: 1, b: 2, c: 3, d: 4, e: 5) => a;', 'has 5 parameters'],
    [`signal.addEventListener('abort', f);`, 'listens to a signal by itself'],
    [`x?.signal.removeEventListener('abort', f);`, 'listens to a signal by itself'],
  ];
  it.each(refused)('refuses %s', (text, problem) => {
    expect(languageProblems(parseSource('src/app/a.ts', text))).toContainEqual(
      expect.stringContaining(problem),
    );
  });

  it.each(['src/http/utils.ts', 'src/lib/a.ts', 'src/app/helper.ts'])('refuses the name %s', (path) => {
    expect(languageProblems(parseSource(path, ''))).toEqual([expect.stringContaining('named after nothing')]);
  });

  it.each([
    'const NONE: readonly string[] = [];',
    'const f = (x: { process: number }) => x.process;',
    'class A { m = new Map(); }',
  ])('accepts %s', (text) => {
    expect(languageProblems(parseSource('src/app/a.ts', text))).toEqual([]);
  });
});

describe('budgets', () => {
  const lengths = fileLengths(sources);
  const functions = functionLengths(sources);

  it(`a file has at most ${BUDGET.file} lines`, () => {
    expect(tooLong(lengths, BUDGET.file)).toEqual([]);
  });

  it(`half of the files have at most ${BUDGET.medianFile} lines`, () => {
    const median = percentile(lengths, 0.5);
    const why = median > BUDGET.medianFile ? `the median is ${median}; the longest: ${longest(lengths)}` : '';
    expect(why).toBe('');
  });

  it(`a folder has at most ${BUDGET.folder} files`, () => {
    const full = [...folderSizes(sources)].filter(([, size]) => size > BUDGET.folder);
    expect(full.map(([path, size]) => `${path} has ${size} files: divide it by subject`)).toEqual([]);
  });

  it(`a function has at most ${BUDGET.function} lines`, () => {
    expect(tooLong(functions, BUDGET.function)).toEqual([]);
  });

  it(`nine functions of ten have at most ${BUDGET.p90Function} lines`, () => {
    const p90 = percentile(functions, 0.9);
    const why =
      p90 > BUDGET.p90Function ? `the 90th percentile is ${p90}; the longest: ${longest(functions, 12)}` : '';
    expect(why).toBe('');
  });

  it('measures functions of every kind', () => {
    const text = [
      'class A {',
      '  m() {',
      '    return 1;',
      '  }',
      '}',
      'const f = () => {',
      '  g();',
      '};',
    ].join('\n');
    expect(functionLengths([parseSource('src/a.ts', text)])).toEqual([
      { what: 'src/a.ts:2 m', lines: 3 },
      { what: 'src/a.ts:6 f', lines: 3 },
    ]);
  });
});

/** `${path} is not there: ${why}` for each missing one. */
function absent(wanted: readonly (readonly [path: string, why: string])[]): string[] {
  return wanted
    .filter(([path]) => !existsSync(join(ROOT, path)))
    .map(([path, why]) => `${path} is not there: ${why}`);
}

describe('completeness', () => {
  it('every prober has a test, a page and a golden exposition', async () => {
    const { probers } = await import('../src/probes/registry.ts');
    const wanted = probers.flatMap(({ type }) => [
      [`test/probes/${type}.test.ts`, `it tests the prober ${type}`] as const,
      [
        `docs/probers/${type}.md`,
        `it documents the prober ${type}: settings, families, reasons, an example`,
      ] as const,
      [`test/probes/golden/${type}.txt`, `it holds what a run of ${type} exposes`] as const,
    ]);
    expect(wanted.length).toBeGreaterThan(0);
    expect(absent(wanted)).toEqual([]);
  });

  it('every collector has a test and a line in docs/host.md', async () => {
    const { collectors } = await import('../src/host/registry.ts');
    const page = read('docs/host.md');
    expect(collectors.length).toBeGreaterThan(0);
    const tested = new Set(
      files.filter((path) => path.startsWith('test/host/')).map((path) => posix.basename(path, '.test.ts')),
    );
    const untested = collectors.filter(({ name }) => !tested.has(name));
    expect(untested.map(({ name }) => `${name}.test.ts is nowhere below test/host`)).toEqual([]);
    const undocumented = collectors.filter(({ name }) => !page.includes(`\`${name}\``));
    expect(undocumented.map(({ name }) => `docs/host.md does not name the collector \`${name}\``)).toEqual(
      [],
    );
  });

  it('every dependency is justified in an ADR', () => {
    const page = read('docs/adr/0004-dependencies.md');
    const names = [...Object.keys(packageJson.dependencies), ...Object.keys(packageJson.devDependencies)];
    const unexplained = names.filter((name) => !page.includes(`\`${name}\``));
    expect(unexplained.map((name) => `docs/adr/0004-dependencies.md does not say why \`${name}\``)).toEqual(
      [],
    );
  });

  it('every link between the pages resolves', () => {
    const pages = files.filter((path) => path.endsWith('.md'));
    const dead = pages.flatMap((page) => {
      const links = [...read(page).matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)/g)].map(([, to = '']) => to);
      return links
        .filter((to) => !existsSync(join(ROOT, dirname(page), to)))
        .map((to) => `${page} links to ${to}, which is not there`);
    });
    expect(dead).toEqual([]);
  });

  it('every decision is listed in the index', () => {
    const index = read('docs/README.md');
    const pages = files.filter(
      (path) => /^docs\/.*\.md$/.test(path) && path !== 'docs/README.md' && !path.startsWith('docs/proof/'),
    );
    const folders = ['docs/probers/', 'docs/runbooks/'];
    const unlisted = pages.filter((path) => {
      const folder = folders.find((prefix) => path.startsWith(prefix));
      return (
        !index.includes(`](${path.slice('docs/'.length)})`) &&
        (folder === undefined || !index.includes(`](${folder.slice('docs/'.length)})`))
      );
    });
    expect(unlisted.map((path) => `docs/README.md does not link ${path}`)).toEqual([]);
  });
});

describe('the project is self-contained', () => {
  // Written so that this file does not contain what it looks for.
  const FOREIGN: readonly (readonly [RegExp, string])[] = [
    [/(?<![\w.~-])\/(?:work|root|home)\/[\w.]/, 'a path of one machine'],
    [/\.\.\/(?:shared|inputs)\b/, 'a folder outside the repository'],
    [/\bregistry\.(?:npmjs|yarnpkg)\b/, 'a package registry'],
    [/^(?:<{7}|>{7}) /m, 'an unfinished merge'],
  ];

  it('no file refers to a place outside it', () => {
    const problems = files.filter(isText).flatMap((path) => {
      const text = read(path);
      return FOREIGN.filter(([pattern]) => pattern.test(text)).map(
        ([pattern, what]) => `${path} names ${what}: ${JSON.stringify(pattern.exec(text)?.[0])}`,
      );
    });
    expect(problems).toEqual([]);
  });

  it('nothing is left open, skipped or focused', () => {
    const OPEN = new RegExp(
      String.raw`\b(?:${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\b`,
    );
    const SKIPPED = /\b(?:it|test|describe)(?:\.each)?\.(?:skip|only|todo)\b|\bx(?:it|describe)\(/;
    const code = files.filter((path) => /\.(ts|mjs)$/.test(path) && path !== 'test/architecture.test.ts');
    const problems = code.flatMap((path) =>
      read(path)
        .split('\n')
        .flatMap((line, i) =>
          OPEN.test(line) || SKIPPED.test(line) ? [`${path}:${i + 1} ${line.trim()}`] : [],
        ),
    );
    expect(problems).toEqual([]);
  });
});
