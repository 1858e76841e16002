import ts from 'typescript';
import { lineOf, nodesOf, type Source } from './source.ts';

/** A rule looks at one node and returns the problem. */
type Rule = (node: ts.Node, source: Source) => string | undefined;

/**
 * Files that may touch `process`. Everything else gets what it needs as a parameter, so that it can be tested and
 * embedded. The two children have no parent to pass it: they are entry points of their thread or process.
 */
const PROCESS_USERS = ['src/main.ts', 'src/app/threads/ledger-thread.ts', 'src/host/child/child.ts'];

const NAMELESS = /(^|\/)(utils?|libs?|commons?|helpers?|misc)(\/|\.ts$)/;
const ESCAPES = /@ts-(ignore|nocheck|expect-error)|eslint-disable|istanbul ignore|c8 ignore/;

/** Everything in a file that violates the language rules, with the line and what to do. */
export function languageProblems(source: Source): string[] {
  const name = NAMELESS.test(source.path)
    ? [`${source.path} is named after nothing: name it after what it holds`]
    : [];
  const nodes = nodesOf(source.ast).flatMap((node) =>
    RULES.flatMap((rule) => {
      const problem = rule(node, source);
      return problem === undefined ? [] : [`${source.path}:${lineOf(source.ast, node)} ${problem}`];
    }),
  );
  const escapes = source.text.split('\n').flatMap((line, i) => {
    const [escape] = ESCAPES.exec(line) ?? [];
    return escape === undefined ? [] : [`${source.path}:${i + 1} ${escape}: mend what it hides`];
  });
  return [...name, ...nodes, ...escapes];
}

const noDefaultExport: Rule = (node) => {
  const modifiers = ts.canHaveModifiers(node) ? (ts.getModifiers(node) ?? []) : [];
  const marked = modifiers.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword);
  return marked || ts.isExportAssignment(node) ? 'exports a default: give it a name' : undefined;
};

const noModuleLet: Rule = (node) => {
  if (!ts.isVariableStatement(node) || !ts.isSourceFile(node.parent)) return undefined;
  const constant = (node.declarationList.flags & ts.NodeFlags.Const) !== 0;
  return constant ? undefined : 'holds state in the module: put it in a class or a closure that app creates';
};

const noModuleContainer: Rule = (node) => {
  if (!ts.isVariableDeclaration(node) || !ts.isVariableStatement(node.parent.parent)) return undefined;
  if (!ts.isSourceFile(node.parent.parent.parent) || /^readonly\b|^Readonly/.test(node.type?.getText() ?? ''))
    return undefined;
  return node.initializer !== undefined && isEmptyContainer(node.initializer)
    ? 'is an empty container in the module, which only makes sense when it is changed: put it in a class or a closure that app creates'
    : undefined;
};

function isEmptyContainer(value: ts.Expression): boolean {
  if (ts.isArrayLiteralExpression(value)) return value.elements.length === 0;
  if (ts.isObjectLiteralExpression(value)) return value.properties.length === 0;
  if (!ts.isNewExpression(value) || (value.arguments ?? []).length > 0) return false;
  return ['Map', 'Set', 'WeakMap', 'WeakSet'].includes(value.expression.getText());
}

const noProcess: Rule = (node, { path }) => {
  if (PROCESS_USERS.includes(path)) return undefined;
  if (
    ts.isStringLiteral(node) &&
    ['process', 'node:process'].includes(node.text) &&
    ts.isImportDeclaration(node.parent)
  ) {
    return 'imports process: only src/main.ts touches it; take what you need as a parameter';
  }
  if (!ts.isIdentifier(node) || node.text !== 'process' || isNameOfSomethingElse(node)) return undefined;
  return 'touches process: only src/main.ts does; take what you need as a parameter';
};

/** `x.process`, `{ process: 1 }`, `interface { process: T }` and the like name a member, not the global. */
function isNameOfSomethingElse(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent))
    return parent.name === node && parent.expression.getText() !== 'globalThis';
  return (
    (ts.isPropertyAssignment(parent) ||
      ts.isPropertySignature(parent) ||
      ts.isPropertyDeclaration(parent) ||
      ts.isMethodSignature(parent) ||
      ts.isMethodDeclaration(parent)) &&
    parent.name === node
  );
}

const noAny: Rule = (node) =>
  node.kind === ts.SyntaxKind.AnyKeyword ? 'says any: name the type, or unknown and narrow it' : undefined;

const noNonNull: Rule = (node) =>
  ts.isNonNullExpression(node)
    ? 'asserts with !: handle undefined, or make the type say that it cannot be'
    : undefined;

const fewParameters: Rule = (node) => {
  if (!ts.isFunctionLike(node)) return undefined;
  const count = node.parameters.length;
  return count > 4 ? `has ${count} parameters, at most 4: pass an options object` : undefined;
};

const SIGNALS = 'src/domain/cancellation.ts';

/** A listener that stays on a signal that outlives it is a leak, and one added to an aborted signal is never called. */
const noOwnAbortListener: Rule = (node, { path }) => {
  if (path === SIGNALS || !ts.isCallExpression(node)) return undefined;
  const [event] = node.arguments;
  if (event === undefined || !ts.isStringLiteral(event) || event.text !== 'abort') return undefined;
  return /\.(add|remove)EventListener$/.test(node.expression.getText())
    ? `listens to a signal by itself: use onAbort, or what is built on it, in ${SIGNALS}`
    : undefined;
};

const RULES: readonly Rule[] = [
  noDefaultExport,
  noModuleLet,
  noModuleContainer,
  noProcess,
  noAny,
  noNonNull,
  fewParameters,
  noOwnAbortListener,
];
