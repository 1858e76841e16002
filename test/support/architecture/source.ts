import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import ts from 'typescript';

export const ROOT = join(import.meta.dirname, '..', '..', '..');

/** One import, re-export or `import()` of a source file. */
export interface Import {
  /** A path from the root (`src/domain/clock.ts`), a package's name, or `node:…`. */
  readonly to: string;
  readonly own: boolean;
  /** Erased when compiled. */
  readonly typeOnly: boolean;
  readonly line: number;
}

/** A TypeScript file, parsed. */
export interface Source {
  /** From the root, such as `src/probes/http.ts`. */
  readonly path: string;
  readonly text: string;
  readonly lines: number;
  readonly ast: ts.SourceFile;
  readonly imports: readonly Import[];
}

export function parseSource(path: string, text: string): Source {
  const ast = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true);
  const lines = text.trimEnd().split('\n').length;
  return { path, text, lines, ast, imports: nodesOf(ast).flatMap((node) => readImport(path, ast, node)) };
}

/** Every file of the repository, from the root, except those in .gitignore (which names only folders and endings). */
export function repositoryFiles(): readonly string[] {
  const ignored = readFileSync(join(ROOT, '.gitignore'), 'utf8').split('\n');
  const folders = ['/.git/', ...ignored.filter((line) => line.endsWith('/'))];
  const endings = ignored.filter((line) => line.startsWith('*')).map((line) => line.slice(1));
  const below = (folder: string): string[] =>
    readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = posix.join(folder, entry.name);
      if (entry.isDirectory())
        return folders.includes(`/${path}/`) || folders.includes(`${entry.name}/`) ? [] : below(path);
      return entry.isFile() && !endings.some((ending) => path.endsWith(ending)) ? [path] : [];
    });
  return below('.').sort();
}

/** The parsed files of `src`. */
export function readSources(): readonly Source[] {
  const paths = repositoryFiles().filter((path) => path.startsWith('src/') && path.endsWith('.ts'));
  return paths.map((path) => parseSource(path, readFileSync(join(ROOT, path), 'utf8')));
}

/** A node and everything below it, outermost first. */
export function nodesOf(node: ts.Node): ts.Node[] {
  const nodes = [node];
  node.forEachChild((child) => {
    nodes.push(...nodesOf(child));
  });
  return nodes;
}

export function lineOf(ast: ts.SourceFile, node: ts.Node): number {
  return ast.getLineAndCharacterOfPosition(node.getStart(ast)).line + 1;
}

function readImport(path: string, ast: ts.SourceFile, node: ts.Node): Import[] {
  const specifier = specifierOf(node);
  if (specifier === undefined) return [];
  const own = specifier.startsWith('.');
  const to = own ? posix.join(posix.dirname(path), specifier) : packageName(specifier);
  return [{ to, own, typeOnly: isTypeOnly(node), line: lineOf(ast, node) }];
}

function specifierOf(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    return node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)
      ? node.moduleSpecifier.text
      : undefined;
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [argument] = node.arguments;
    return argument && ts.isStringLiteral(argument) ? argument.text : undefined;
  }
  if (
    ts.isImportTypeNode(node) &&
    ts.isLiteralTypeNode(node.argument) &&
    ts.isStringLiteral(node.argument.literal)
  ) {
    return node.argument.literal.text;
  }
  return undefined;
}

function isTypeOnly(node: ts.Node): boolean {
  if (ts.isImportTypeNode(node)) return true;
  if (ts.isExportDeclaration(node)) return node.isTypeOnly || onlyTypes(node.exportClause);
  if (!ts.isImportDeclaration(node) || node.importClause === undefined) return false;
  const { phaseModifier, name, namedBindings } = node.importClause;
  return phaseModifier === ts.SyntaxKind.TypeKeyword || (name === undefined && onlyTypes(namedBindings));
}

function onlyTypes(bindings: ts.NamedImportBindings | ts.NamedExportBindings | undefined): boolean {
  if (bindings === undefined || !(ts.isNamedImports(bindings) || ts.isNamedExports(bindings))) return false;
  return bindings.elements.length > 0 && [...bindings.elements].every((element) => element.isTypeOnly);
}

/** `zod` of `zod/v4`, `@scope/name` of `@scope/name/part`; Node's own modules are unchanged. */
function packageName(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
