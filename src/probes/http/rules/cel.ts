import { createRequire } from 'node:module';
import type * as Cel from '@bufbuild/cel';
import type { CelInput } from '@bufbuild/cel';
import { RE2JS } from 're2js';
import { z } from 'zod';
import { celTypeError } from './cel-check.ts';

/** The result of an expression for a body's JSON. */
export type CelAnswer = { readonly holds: boolean } | { readonly problem: string };

/** An expression in CEL over `body`, ready to use. */
export interface CelRule {
  readonly text: string;
  /** How many loops over lists or maps it has; they may be nested. */
  readonly loops: number;
  readonly judge: (body: unknown) => CelAnswer;
}

const require = createRequire(import.meta.url);

/** The library, loaded for the first expression: few configurations have one, and it takes a tenth of the start. */
function loadCel(): typeof Cel {
  return require('@bufbuild/cel') as typeof Cel;
}

/** A CEL expression for a settings schema, parsed when the configuration is loaded. @see https://cel.dev */
export const celRule = z.string().transform((text, context): CelRule => {
  const refuse = (why: string) => {
    context.addIssue({ code: 'custom', message: `"${text}" is not a CEL expression: ${why}` });
    return z.NEVER;
  };
  try {
    const cel = loadCel();
    const code = withoutComments(text);
    const parsed = cel.parse(code);
    const env = environment(cel);
    const mistake = celTypeError(parsed, env.funcs);
    if (mistake !== undefined) return refuse(mistake);
    return { text, loops: code.match(MACRO)?.length ?? 0, judge: evaluator(cel, env, parsed) };
  } catch (error) {
    return refuse(error instanceof Error ? error.message.replace(/^<input>:/, '') : String(error));
  }
});

/** The macros that loop over a list or map. */
const MACRO = /\b(?:all|exists|exists_one|existsOne|filter|map)\s*\(/g;

/**
 * CEL's own functions; the library has `matches` as a method only.
 * @see https://github.com/google/cel-spec/blob/master/doc/langdef.md
 */
function environment(cel: typeof Cel): Cel.CelEnv {
  const { BOOL, STRING } = cel.CelScalar;
  const matches = cel.celFunc('matches', [STRING, STRING], BOOL, (text, pattern) =>
    RE2JS.compile(pattern).test(text),
  );
  return cel.celEnv({ funcs: [matches] });
}

/** String literals of each kind, raw ones first, so that a `//` in them does not count; then a comment. */
const LITERAL_OR_COMMENT = new RegExp(
  [
    String.raw`\b[bB]?[rR][bB]?(?:"{3}[^]*?"{3}|'{3}[^]*?'{3}|"[^"\n]*"|'[^'\n]*')`,
    String.raw`"{3}(?:\\[^]|[^\\])*?"{3}|'{3}(?:\\[^]|[^\\])*?'{3}`,
    String.raw`"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'`,
    String.raw`\/\/[^\n]*`,
  ].join('|'),
  'g',
);

/** The library's parser does not support comments. */
function withoutComments(text: string): string {
  return text.replace(LITERAL_OR_COMMENT, (found) => (found.startsWith('//') ? '' : found));
}

function evaluator(cel: typeof Cel, env: Cel.CelEnv, parsed: ReturnType<typeof Cel.parse>): CelRule['judge'] {
  const evaluate = cel.plan(env, parsed);
  return (body) => {
    const result = evaluate({ body: body as CelInput });
    if (cel.isCelError(result)) return { problem: result.message };
    if (typeof result !== 'boolean') return { problem: 'it is neither true nor false' };
    return { holds: result };
  };
}
