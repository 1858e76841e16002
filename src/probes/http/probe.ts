import type { Details, Verdict } from '../../domain/result.ts';
import type { Target } from '../../domain/service.ts';
import type { Sample } from '../../metrics/family.ts';
import { sample } from '../../metrics/family.ts';
import { FAILED_DUE_TO_REGEX, DNS_LOOKUP_TIME, IP_PROTOCOL } from '../families.ts';
import { fail } from '../net/failure.ts';
import { PhaseTimer, verdictOf } from '../net/phases.ts';
import type { Outcome, PhaseSeconds, Run } from '../prober.ts';
import { PHASES } from '../prober.ts';
import { readBody } from './body.ts';
import { CookieJar } from './headers/cookies.ts';
import * as family from './families.ts';
import { hop, type HopContext, type Progress } from './hop.ts';
import { headerValue } from './http1/head.ts';
import { isJsonType, jsonData, MAX_DATA_BYTES } from './rules/json-data.ts';
import { isValidStatus, judgeAnswer, type Answer } from './rules/judge.ts';
import { MAX_REDIRECTS, redirectedRequest } from './redirects.ts';
import { firstRequest, type HopRequest } from './request.ts';
import type { HttpResponse } from './response.ts';
import { responseSamples } from './response-samples.ts';
import type { HttpSettings } from './settings.ts';
import { targetUrl } from './target.ts';

/** One run: a request, and one for each redirect, each over its own connection. */
export async function probeHttp(target: Target, settings: HttpSettings, run: Run): Promise<Outcome> {
  const url = targetUrl(target.address);
  if ('problem' in url) throw new Error('a target that httpTarget refuses cannot be probed');
  const timer = new PhaseTimer(run.monotonic);
  const progress: Progress = {
    redirects: 0,
    tlsSamples: [],
    response: undefined,
    body: undefined,
    ssl: false,
    failedDueTo: undefined,
  };
  const context = { settings, run, timer, progress, cookies: new CookieJar(() => Date.now()) };
  let verdict: Verdict;
  try {
    let next: HopRequest | Verdict = firstRequest(url, settings);
    while (!('status' in next)) next = await requestOnce(next, context);
    verdict = next;
  } catch (error) {
    verdict = verdictOf(error, run, timer);
  }
  if (progress.response?.status === 401) settings.tokens?.forget();
  return outcome(verdict, { progress, settings, phases: timer.stop() });
}

/** One request; returns the next one after a redirect, else the verdict. */
function requestOnce(request: HopRequest, context: HopContext): Promise<HopRequest | Verdict> {
  const { settings, progress } = context;
  return hop<HopRequest | Verdict>(request, context, async (response) => {
    const { status } = response;
    const location = headerValue(response.headers, 'location');
    if (!settings.followRedirects) {
      const redirects = (location ?? '') !== '' && REDIRECTS.includes(status);
      if (redirects) progress.redirects = 1;
      return conclude(response, context, redirects);
    }
    const next = redirectedRequest(request, status, location);
    if (next === undefined) return conclude(response, context, false);
    progress.redirects += 1;
    if (progress.redirects > MAX_REDIRECTS)
      throw fail('redirect', `Stopped after ${MAX_REDIRECTS} redirects`);
    return next;
  });
}

const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/** Reads the final answer and judges it; the body of a redirect matters only if there are rules about it. */
async function conclude(
  response: HttpResponse,
  { settings, run, progress }: HopContext,
  isRedirect: boolean,
): Promise<Verdict> {
  const { status, version, headers } = response;
  const { compression, bodySizeLimit: limit } = settings;
  const skipped = isRedirect && !hasBodyRules(settings) && compression === undefined;
  const body = skipped
    ? undefined
    : await readBody(response.body, { keep: bytesToKeep(response, settings), limit, compression });
  progress.body = body;
  // an invalid status is a better explanation than a body that does not arrive
  if (isValidStatus(status, settings.statusCodes)) run.signal.throwIfAborted();
  const answer: Answer = { status, version, headers, ssl: progress.ssl, body: body ?? NO_BODY };
  const { verdict, failedDueTo } = await judgeAnswer(answer, settings, run);
  progress.failedDueTo = failedDueTo;
  return verdict;
}

const NO_BODY = { length: 0, start: Buffer.alloc(0) };

function hasBodyRules({ bodyMatches, bodyNotMatches, celMatches, celNotMatches }: HttpSettings): boolean {
  return (
    bodyMatches.length + bodyNotMatches.length > 0 || celMatches !== undefined || celNotMatches !== undefined
  );
}

function bytesToKeep({ headers }: HttpResponse, settings: HttpSettings): number {
  if (hasBodyRules(settings)) return settings.bodyMatchLimit;
  return isJsonType(headerValue(headers, 'content-type')) ? MAX_DATA_BYTES : 0;
}

interface HttpProbeEnd {
  readonly progress: Progress;
  readonly settings: HttpSettings;
  readonly phases: PhaseSeconds;
}

function outcome(verdict: Verdict, { progress, settings, phases }: HttpProbeEnd): Outcome {
  const { response, body, redirects, ssl, tlsSamples, failedDueTo } = progress;
  const cel = settings.celMatches !== undefined || settings.celNotMatches !== undefined;
  const answered =
    response === undefined ? [] : [sample(family.SSL, ssl ? 1 : 0), ...responseSamples(response, body)];
  const judged = [
    sample(FAILED_DUE_TO_REGEX, failedDueTo === 'regex' ? 1 : 0),
    ...(cel ? [sample(family.FAILED_DUE_TO_CEL, failedDueTo === 'cel' ? 1 : 0)] : []),
  ];
  const samples = [
    ...PHASES.flatMap((phase) => {
      const seconds = phases[phase];
      return seconds === undefined ? [] : [sample(family.DURATION, seconds, { phase })];
    }),
    ...tlsSamples,
    ...(response !== undefined || redirects > 0 ? [sample(family.REDIRECTS, redirects)] : []),
    ...answered,
    ...(body === undefined ? [] : judged),
  ];
  return { verdict, samples, phases, details: details(progress) };
}

function details({ response, body }: Progress): Details {
  if (response === undefined) return {};
  const data =
    body !== undefined && isJsonType(headerValue(response.headers, 'content-type'))
      ? jsonData(body)
      : undefined;
  return { statusCode: response.status, ...(data === undefined ? {} : { data }) };
}

/** blackbox_exporter's values for what a run did not reach. */
export function unmeasuredHttp(settings: HttpSettings, measured: readonly Sample[]): readonly Sample[] {
  const has = (name: string): boolean => measured.some((one) => one.family.name === name && one.value !== 0);
  const cel = settings.celMatches !== undefined || settings.celNotMatches !== undefined;
  const looked = measured.some((one) => one.family.name === DNS_LOOKUP_TIME.name);
  const phases = has(IP_PROTOCOL.name)
    ? PHASES
    : leavesNamesToProxy(settings)
      ? PHASES.filter((phase) => phase !== 'resolve')
      : PHASES.slice(0, looked ? 1 : 0);
  return [
    ...phases.map((phase) => sample(family.DURATION, 0, { phase })),
    // an answer without a known length, or no answer
    sample(family.CONTENT_LENGTH, has(family.STATUS_CODE.name) ? -1 : 0),
    ...ZEROES.map((one) => sample(one, 0)),
    ...(cel ? [sample(family.FAILED_DUE_TO_CEL, 0)] : []),
  ];
}

function leavesNamesToProxy({ proxy }: HttpSettings): boolean {
  return proxy?.resolvesTarget === true;
}

const ZEROES = [
  family.BODY_LENGTH,
  family.REDIRECTS,
  family.SSL,
  family.STATUS_CODE,
  family.VERSION,
  FAILED_DUE_TO_REGEX,
];
