import { createRequire } from 'node:module';
import type * as Cel from '@bufbuild/cel';
import type { CelInput } from '@bufbuild/cel';
import { z } from 'zod';

/** What a body's JSON is said to be by an expression. */
export type CelAnswer = { readonly holds: boolean } | { readonly problem: string };

/** An expression in CEL over `body`, ready to use. */
export interface CelRule {
  readonly text: string;
  readonly judge: (body: unknown) => CelAnswer;
}

type Expression = NonNullable<ReturnType<typeof Cel.parse>['expr']>;

const require = createRequire(import.meta.url);

/** The library, loaded at the first expression: few have one, and it takes as long as a tenth of Tocsin's start. */
function loadCel(): typeof Cel {
  return require('@bufbuild/cel') as typeof Cel;
}

/** What names that are not variables begin with: types, and the namespaces of functions. */
const KNOWN_NAMES: ReadonlySet<string> = new Set([
  ...['body', 'bool', 'int', 'uint', 'double', 'string', 'bytes', 'list', 'map', 'null_type', 'type'],
  ...['google', 'math', 'optional'],
]);

/** A CEL expression for a settings schema, parsed when the configuration is loaded. @see https://cel.dev */
export const celRule = z.string().transform((text, context): CelRule => {
  const refuse = (why: string) => {
    context.addIssue({ code: 'custom', message: `"${text}" is not a CEL expression: ${why}` });
    return z.NEVER;
  };
  try {
    const cel = loadCel();
    const parsed = cel.parse(text);
    const stranger = unknownNames(parsed.expr, KNOWN_NAMES)[0];
    if (stranger !== undefined)
      return refuse(`it names "${stranger}", and there is only body, the JSON of the answer`);
    return { text, judge: evaluator(cel, parsed) };
  } catch (error) {
    return refuse(error instanceof Error ? error.message.replace(/^<input>:/, '') : String(error));
  }
});

function evaluator(cel: typeof Cel, parsed: ReturnType<typeof Cel.parse>): CelRule['judge'] {
  const evaluate = cel.plan(cel.celEnv(), parsed);
  return (body) => {
    const result = evaluate({ body: body as CelInput });
    if (cel.isCelError(result)) return { problem: result.message };
    if (typeof result !== 'boolean') return { problem: 'it is neither true nor false' };
    return { holds: result };
  };
}

/** Names in an expression that nothing stands for. */
function unknownNames(expression: Expression | undefined, known: ReadonlySet<string>): readonly string[] {
  if (expression === undefined) return [];
  const { exprKind: kind } = expression;
  const all = (list: readonly (Expression | undefined)[]): readonly string[] =>
    list.flatMap((one) => unknownNames(one, known));
  switch (kind.case) {
    case 'identExpr':
      return known.has(kind.value.name) ? [] : [kind.value.name];
    case 'selectExpr':
      return unknownNames(kind.value.operand, known);
    case 'callExpr':
      return all([kind.value.target, ...kind.value.args]);
    case 'listExpr':
      return all(kind.value.elements);
    case 'structExpr':
      return all(
        kind.value.entries.flatMap(({ keyKind, value }) => [
          keyKind.case === 'mapKey' ? keyKind.value : undefined,
          value,
        ]),
      );
    case 'comprehensionExpr': {
      const { iterVar, iterVar2, accuVar, iterRange, accuInit, ...inner } = kind.value;
      const inside = new Set([...known, iterVar, iterVar2, accuVar]);
      return [
        ...all([iterRange, accuInit]),
        ...[inner.loopCondition, inner.loopStep, inner.result].flatMap((one) => unknownNames(one, inside)),
      ];
    }
    default:
      return [];
  }
}
