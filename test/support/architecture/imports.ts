import type { Import, Source } from './source.ts';

/** What a folder of `src` may import besides itself and `domain`. Patterns are prefixes of paths. */
interface Allowance {
  /** At run time (and hence as types too). */
  readonly values: readonly string[];
  /** As types only: erased at run time. */
  readonly types?: readonly string[];
}

/** Who may import whom. Entry points are listed by their file name. */
const ALLOWED: Readonly<Record<string, Allowance>> = {
  'main.ts': { values: ['src/cli/'] },
  cli: { values: ['src/app/'] },
  app: { values: ['src/'] },
  domain: { values: [] },
  settings: { values: [] },
  config: { values: ['src/settings/', 'src/probes/'] },
  probes: {
    values: ['src/settings/', 'src/metrics/family.ts', 'src/exposition/formats/text.ts'],
    types: ['src/metrics/'],
  },
  checks: {
    values: ['src/probes/', 'src/config/', 'src/metrics/'],
    types: ['src/events/', 'src/exposition/', 'src/host/', 'src/ledger/'],
  },
  host: { values: ['src/metrics/family.ts'], types: ['src/metrics/'] },
  exposition: { values: [] },
  metrics: { values: ['src/exposition/', 'src/alerts/'], types: ['src/ledger/'] },
  alerts: { values: [] },
  ledger: { values: ['src/alerts/'] },
  pipeline: {
    values: ['src/alerts/', 'src/config/yaml/'],
    types: ['src/config/', 'src/events/', 'src/ledger/', 'src/metrics/'],
  },
  events: { values: ['src/ledger/ledger.ts'], types: ['src/config/'] },
  http: {
    values: [
      'src/alerts/',
      'src/checks/health/',
      'src/config/types.ts',
      'src/exposition/',
      'src/ledger/ledger.ts',
      'src/ledger/list-cursors.ts',
    ],
    types: ['src/'],
  },
  log: { values: [] },
};

/** The home of a package: only files below these prefixes import it. */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  express: ['src/http/'],
  'prom-client': ['src/metrics/'],
  pino: ['src/log/'],
  'pino-pretty': ['src/log/'],
  'better-sqlite3': ['src/ledger/sqlite/'],
  zod: ['src/settings/', 'src/config/', 'src/probes/', 'src/alerts/'],
  'js-yaml': ['src/config/yaml/', 'src/config/reference/'],
  ioredis: ['src/probes/', 'src/events/sinks/'],
  undici: ['src/pipeline/', 'src/events/sinks/'],
  re2js: ['src/settings/', 'src/probes/'],
  '@bufbuild/cel': ['src/probes/'],
  '@bufbuild/protobuf': ['src/probes/grpc/'],
};

/** `probes` of `src/probes/net/dial.ts`, `main.ts` of `src/main.ts`. */
export function folderOf(path: string): string {
  return path.split('/')[1] ?? path;
}

export function forbiddenImports(sources: readonly Source[]): string[] {
  return sources.flatMap((source) =>
    source.imports.flatMap((each) => {
      const problem = each.own ? ownProblem(source, each) : packageProblem(source, each);
      return problem === undefined ? [] : [`${source.path}:${each.line} ${problem}`];
    }),
  );
}

function ownProblem({ path }: Source, { to, typeOnly }: Import): string | undefined {
  const folder = folderOf(path);
  const allowance = ALLOWED[folder];
  if (allowance === undefined) {
    return `is in src/${folder}, which has no import rule: add one to ALLOWED in test/support/architecture/imports.ts`;
  }
  if (to.startsWith(`src/${folder}/`) || to.startsWith('src/domain/')) return undefined;
  if (allowance.values.some((prefix) => to.startsWith(prefix))) return undefined;
  if (!(allowance.types ?? []).some((prefix) => to.startsWith(prefix))) {
    return `imports ${to}: ${folder} may not know it. Data flows one way: let app pass the thing in`;
  }
  return typeOnly ? undefined : `imports ${to} at run time: ${folder} may only \`import type\` from it`;
}

function packageProblem({ path }: Source, { to, typeOnly }: Import): string | undefined {
  if (to.startsWith('node:')) return undefined;
  const homes = HOMES[to];
  if (homes === undefined) {
    return `imports ${to}, which has no home: give it one in test/support/architecture/imports.ts and a line in docs/adr/0004-dependencies.md`;
  }
  if (homes.some((home) => path.startsWith(home))) return undefined;
  return `imports ${to}${typeOnly ? ' (types)' : ''}, whose home is ${homes.join(', ')}: hide it behind an interface there`;
}

/** Declared packages without a home. */
export function homeless(dependencies: readonly string[]): string[] {
  return dependencies.filter((name) => HOMES[name] === undefined);
}

/** Import cycles among files, types included, each listed once as `a → b → a`. */
export function importCycles(sources: readonly Source[]): string[] {
  return cyclesOf(
    new Map(sources.map(({ path, imports }) => [path, imports.filter(({ own }) => own).map(({ to }) => to)])),
  );
}

/** Import cycles among the folders of `src`, types included. */
export function folderCycles(sources: readonly Source[]): string[] {
  const next = new Map<string, Set<string>>();
  for (const { path, imports } of sources) {
    const from = folderOf(path);
    const reached = next.get(from) ?? new Set();
    next.set(from, reached);
    for (const { own, to } of imports) if (own && folderOf(to) !== from) reached.add(folderOf(to));
  }
  return cyclesOf(next);
}

function cyclesOf(next: ReadonlyMap<string, Iterable<string>>): string[] {
  const cycles = new Set<string>();
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) cycles.add(sameStart(trail.slice(at)));
    if (at >= 0 || done.has(path)) return;
    for (const to of next.get(path) ?? []) visit(to, [...trail, path]);
    done.add(path);
  };
  for (const path of next.keys()) visit(path, []);
  return [...cycles];
}

/** The same text for the same cycle, wherever it was entered. */
function sameStart(cycle: readonly string[]): string {
  const first = cycle.indexOf([...cycle].sort()[0] ?? '');
  const turned = [...cycle.slice(first), ...cycle.slice(0, first)];
  return [...turned, turned[0]].join(' → ');
}

/** Relative imports that do not resolve to a file. */
export function danglingImports(sources: readonly Source[]): string[] {
  const paths = new Set(sources.map(({ path }) => path));
  return sources.flatMap(({ path, imports }) =>
    imports
      .filter(({ own, to }) => own && !paths.has(to))
      .map(({ to, line }) => `${path}:${line} imports ${to}, which is not there`),
  );
}
