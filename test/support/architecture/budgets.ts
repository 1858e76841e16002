import { posix } from 'node:path';
import ts from 'typescript';
import { lineOf, nodesOf, type Source } from './source.ts';

/** Maximum lengths in lines, including comments and blanks; how many files a folder may hold. */
export const BUDGET = { file: 300, medianFile: 100, function: 60, p90Function: 30, folder: 17 } as const;

export interface Measured {
  /** `src/app/app.ts` or `src/app/app.ts:12 createApp`. */
  readonly what: string;
  readonly lines: number;
}

export function fileLengths(sources: readonly Source[]): Measured[] {
  return sources.map(({ path, lines }) => ({ what: path, lines }));
}

/** The number of files in each folder of `src`. */
export function folderSizes(sources: readonly Source[]): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  for (const { path } of sources) {
    const folder = posix.dirname(path);
    sizes.set(folder, (sizes.get(folder) ?? 0) + 1);
  }
  return sizes;
}

/** Every function with a body in braces; nested functions count both in it and separately. */
export function functionLengths(sources: readonly Source[]): Measured[] {
  return sources.flatMap(({ path, ast }) =>
    nodesOf(ast).flatMap((node) => {
      const block = bodyOf(node);
      if (block === undefined) return [];
      const first = lineOf(ast, node);
      const last = ast.getLineAndCharacterOfPosition(node.getEnd()).line + 1;
      return [{ what: `${path}:${first} ${nameOf(node)}`, lines: last - first + 1 }];
    }),
  );
}

export function tooLong(measured: readonly Measured[], limit: number): string[] {
  return measured
    .filter(({ lines }) => lines > limit)
    .map(
      ({ what, lines }) => `${what} has ${lines} lines, at most ${limit}: split it where its subject changes`,
    );
}

/** The smallest length that at least `share` of all do not exceed (nearest rank); 0 for none. */
export function percentile(measured: readonly Measured[], share: number): number {
  const sorted = measured.map(({ lines }) => lines).sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

/** The longest few, to show where to start. */
export function longest(measured: readonly Measured[], count = 5): string {
  const sorted = [...measured].sort((a, b) => b.lines - a.lines).slice(0, count);
  return sorted.map(({ what, lines }) => `${what} (${lines})`).join(', ');
}

function bodyOf(node: ts.Node): ts.Block | undefined {
  if (ts.isArrowFunction(node)) return ts.isBlock(node.body) ? node.body : undefined;
  if (
    ts.isFunctionDeclaration(node) ||
    ts.isFunctionExpression(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isConstructorDeclaration(node) ||
    ts.isAccessor(node)
  ) {
    return node.body;
  }
  return undefined;
}

function nameOf(node: ts.Node): string {
  if (ts.isConstructorDeclaration(node)) return 'constructor';
  const named = ts.isFunctionLike(node) ? node.name : undefined;
  if (named !== undefined) return named.getText();
  return ts.isVariableDeclaration(node.parent) ? node.parent.name.getText() : '(anonymous)';
}
