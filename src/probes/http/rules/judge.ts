import { StringDecoder } from 'node:string_decoder';
import type { RE2JS } from 're2js';
import type { Verdict } from '../../../domain/result.ts';
import { failure, SUCCESS } from '../../../domain/result.ts';
import { cutOff, isCut, type Body } from '../body.ts';
import { judgeByCel, type CelRun } from './cel-judge.ts';
import { headerValues } from '../http1/head.ts';
import type { HeaderRule } from '../answer-settings.ts';
import type { HttpSettings } from '../settings.ts';

/** A final answer, as far as it was read. */
export interface Answer {
  readonly status: number;
  /** Such as `1.1` or `2.0`. */
  readonly version: string;
  /** Lower-case names and values, alternating. */
  readonly headers: readonly string[];
  readonly ssl: boolean;
  readonly body: Body;
}

export interface Judgement {
  readonly verdict: Verdict;
  /** blackbox_exporter's `probe_failed_due_to_…`; also set when these rules could not read the body. */
  readonly failedDueTo?: 'regex' | 'cel';
}

/** Judges an answer in blackbox_exporter's order: status, headers, body, version, TLS. The first objection decides. */
export async function judgeAnswer(answer: Answer, settings: HttpSettings, run: CelRun): Promise<Judgement> {
  if (!isValidStatus(answer.status, settings.statusCodes)) {
    const text = `HTTP status ${answer.status}, expected ${expectedStatus(settings.statusCodes)}`;
    return { verdict: failure('status', text) };
  }
  const header = headerFailureText(answer.headers, settings);
  if (header !== undefined) return { verdict: failure('header', header), failedDueTo: 'regex' };
  const judgement = bodyJudgement(answer.body, settings) ?? (await celJudgement(answer.body, settings, run));
  return judgement ?? { verdict: protocolVerdict(answer, settings) };
}

function bodyJudgement(body: Body, settings: HttpSettings): Judgement | undefined {
  const { bodyMatches, bodyNotMatches, celMatches, celNotMatches } = settings;
  const expressions = bodyMatches.length + bodyNotMatches.length > 0;
  const cel = celMatches !== undefined || celNotMatches !== undefined;
  if (body.problem !== undefined) {
    const { verdict } = body.problem;
    // a body that is not gzip from the first byte is not passed to the rules at all
    if (settings.compression === 'gzip' && body.length === 0) return { verdict };
    if (expressions) return { verdict, failedDueTo: 'regex' };
    return cel ? { verdict, failedDueTo: 'cel' } : { verdict };
  }
  const unfit = expressions ? bodyVerdict(body, settings) : undefined;
  return unfit === undefined ? undefined : { verdict: unfit, failedDueTo: 'regex' };
}

async function celJudgement(body: Body, settings: HttpSettings, run: CelRun): Promise<Judgement | undefined> {
  const verdict = await judgeByCel(body, settings, run);
  return verdict === undefined ? undefined : { verdict, failedDueTo: 'cel' };
}

/** `2xx`, `200`, `200 or 204`, `200, 204 or 301`. */
export function expectedStatus(codes: readonly number[]): string {
  if (codes.length === 0) return '2xx';
  const last = codes.at(-1) ?? '';
  return codes.length === 1 ? String(last) : `${codes.slice(0, -1).join(', ')} or ${last}`;
}

export function isValidStatus(status: number, codes: readonly number[]): boolean {
  return codes.length === 0 ? status >= 200 && status < 300 : codes.includes(status);
}

function protocolVerdict(
  { version, ssl }: Answer,
  { versions, failIfSsl, failIfNotSsl }: HttpSettings,
): Verdict {
  const shown = `HTTP/${version}`;
  if (versions.length > 0 && !versions.includes(shown)) {
    return failure('protocol', `The answer is ${shown}, expected ${versions.join(' or ')}`);
  }
  if (failIfSsl && ssl)
    return failure('protocol', 'The final response was received over TLS, and fail_if_ssl is set');
  if (failIfNotSsl && !ssl)
    return failure('protocol', 'The final response was received without TLS, and fail_if_not_ssl is set');
  return SUCCESS;
}

function headerFailureText(headers: readonly string[], settings: HttpSettings): string | undefined {
  for (const rule of settings.headerMatches) {
    const values = headerValues(headers, rule.header).map(utf8);
    if (values.length === 0 && !rule.allowMissing) return missing(rule);
    if (values.some((value) => rule.regexp.test(value)))
      return `The header ${rule.header} matches ${shown(rule.regexp)}`;
  }
  for (const rule of settings.headerNotMatches) {
    const values = headerValues(headers, rule.header).map(utf8);
    if (values.length === 0) {
      if (!rule.allowMissing) return missing(rule);
    } else if (!values.some((value) => rule.regexp.test(value))) {
      return `The header ${rule.header} does not match ${shown(rule.regexp)}`;
    }
  }
  return undefined;
}

function missing({ header }: HeaderRule): string {
  return `The header ${header} is missing`;
}

/** The objection of the body rules; for a body of which they saw only a part, also that they cannot decide. */
function bodyVerdict(body: Body, settings: HttpSettings): Verdict | undefined {
  const { bodyMatches, bodyNotMatches, bodyMatchLimit } = settings;
  const cut = isCut(body);
  const text = cut ? new StringDecoder('utf8').write(body.start) : body.start.toString('utf8');
  const unwanted = bodyMatches.find((expression) => expression.test(text));
  if (unwanted !== undefined) return failure('body', `The body matches ${shown(unwanted)}`);
  const found = cut ? matchesBeforeEnd : matches;
  const absent = bodyNotMatches.find((expression) => !found(expression, text));
  const [undecided] = cut ? [...bodyMatches, ...(absent === undefined ? [] : [absent])] : [];
  if (undecided !== undefined)
    return failure('content', cutOff(body, `${shown(undecided)} may match in the rest`, bodyMatchLimit));
  return absent === undefined ? undefined : failure('body', `The body does not match ${shown(absent)}`);
}

function matches(expression: RE2JS, text: string): boolean {
  return expression.test(text);
}

/** A match that reaches the end of a part may not match the whole: `$` is where the text was cut. */
function matchesBeforeEnd(expression: RE2JS, text: string): boolean {
  const matcher = expression.matcher(text);
  return matcher.find() && matcher.end() < text.length;
}

function shown(expression: { pattern(): string }): string {
  return `"${expression.pattern()}"`;
}

/** Headers are read as bytes; the rules see them as UTF-8. */
function utf8(value: string): string {
  return /[\x80-\xff]/.test(value) ? Buffer.from(value, 'latin1').toString() : value;
}
