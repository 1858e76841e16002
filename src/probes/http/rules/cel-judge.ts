import type { CancelSignal } from '../../../domain/cancellation.ts';
import { failure, unknown, type Verdict } from '../../../domain/result.ts';
import { cutOff, isCut, type Body } from '../body.ts';
import type { CelRule } from './cel.ts';

/** The CEL rules of a service or module. */
export interface CelRules {
  readonly celMatches: CelRule | undefined;
  readonly celNotMatches: CelRule | undefined;
}

interface JudgingRules extends CelRules {
  /** The number of bytes of the body that body rules see. */
  readonly bodyMatchLimit: number;
}

/** What is sent to another thread for evaluation: expressions as text, and the body. */
export interface CelTask {
  readonly matches: string | undefined;
  readonly notMatches: string | undefined;
  readonly body: Uint8Array;
}

/** What the rules object to; or `late`, when the evaluation did not finish in time or its turn did not come in time. */
export type CelOutcome =
  { readonly complaint: string | undefined } | { readonly late: 'evaluation' | 'turn' };

/** Evaluates rules without blocking anything else. Ends when `signal` aborts; rejects only on a bug. */
export type EvaluateCel = (task: CelTask, signal: CancelSignal) => Promise<CelOutcome>;

/** The parts of a run that the rules need. */
export interface CelRun {
  readonly signal: CancelSignal;
  readonly evaluateCel?: EvaluateCel | undefined;
}

/**
 * Bodies up to this many bytes are evaluated on the event loop, by the number of loops in the rules: a few milliseconds
 * at most. Two loops may be nested, which takes the square of a list's length: no body is short enough.
 */
const AT_ONCE_BYTES: readonly number[] = [8_192, 1_024];

/** The verdict of the CEL rules; undefined without rules, or if all are satisfied. */
export async function judgeByCel(
  body: Body,
  rules: JudgingRules,
  { signal, evaluateCel }: CelRun,
): Promise<Verdict | undefined> {
  const { celMatches, celNotMatches, bodyMatchLimit } = rules;
  const { start, length } = body;
  if (celMatches === undefined && celNotMatches === undefined) return undefined;
  if (isCut(body))
    return failure('content', cutOff(body, 'the CEL expression needs the whole body', bodyMatchLimit));
  const loops = (celMatches?.loops ?? 0) + (celNotMatches?.loops ?? 0);
  const atOnce = length <= (AT_ONCE_BYTES[loops] ?? 0);
  const outcome =
    evaluateCel === undefined || atOnce
      ? { complaint: celFailureText(start, rules) }
      : await evaluateCel(
          { matches: celMatches?.text, notMatches: celNotMatches?.text, body: start },
          signal,
        );
  if ('complaint' in outcome)
    return outcome.complaint === undefined ? undefined : failure('content', outcome.complaint);
  return outcome.late === 'turn'
    ? unknown('agent_overload', 'Tocsin evaluated CEL expressions of other checks for too long')
    : failure('timeout', lateText(rules, length));
}

function lateText({ celMatches, celNotMatches }: CelRules, length: number): string {
  const texts = [celMatches, celNotMatches].flatMap((rule) => (rule === undefined ? [] : [`"${rule.text}"`]));
  return `The CEL expression ${texts.join(' or ')} took too long on a body of ${length} bytes`;
}

/** The first rule that a body violates, as text; undefined if it satisfies all. Has no time limit. */
export function celFailureText(
  body: Uint8Array,
  { celMatches, celNotMatches }: CelRules,
): string | undefined {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8')) as unknown;
  } catch {
    return 'The body is not JSON, which the CEL expression needs';
  }
  for (const [rule, wanted] of [
    [celMatches, false],
    [celNotMatches, true],
  ] as const) {
    const answer = rule?.judge(json);
    if (rule === undefined || answer === undefined) continue;
    if ('problem' in answer)
      return `The CEL expression "${rule.text}" cannot be evaluated: ${answer.problem}`;
    if (answer.holds !== wanted)
      return `The body ${wanted ? 'does not match' : 'matches'} the CEL expression "${rule.text}"`;
  }
  return undefined;
}
