import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Details, Verdict } from '../../domain/result.ts';
import type { Target } from '../../domain/service.ts';
import type { Sample } from '../../metrics/family.ts';
import { sample } from '../../metrics/family.ts';
import { cipherSample } from '../net/certificates.ts';
import { open } from '../net/dial.ts';
import { fail, ProbeFailure } from '../net/failure.ts';
import { PhaseTimer, verdictOf } from '../net/phases.ts';
import type { Outcome, PhaseSeconds, Run } from '../prober.ts';
import { PHASES } from '../prober.ts';
import { readBody, type Body } from './body.ts';
import { exchange } from './exchange.ts';
import { DURATION, FAILED_DUE_TO_REGEX, REDIRECTS, SSL } from './families.ts';
import { isJsonType, jsonData, MAX_DATA_BYTES } from './json-data.ts';
import { isValidStatus, judgeAnswer, type Answer } from './judge.ts';
import { MAX_REDIRECTS, redirectedRequest } from './redirects.ts';
import { firstRequest, requestHeaders, type HopRequest } from './request.ts';
import { responseSamples } from './response-samples.ts';
import type { HttpSettings } from './settings.ts';
import { bareHost, portOf, shownUrl, targetUrl } from './target.ts';

/** Regular expressions see the first MiB of a body. */
const REGEXP_BYTES = 1_048_576;

/** What a run has come to so far, so that a failure can tell it too. */
interface Progress {
  redirects: number;
  /** Of the connection under way. */
  tlsSamples: readonly Sample[];
  /** Of the last answer. */
  response: IncomingMessage | undefined;
  body: Body | undefined;
  ssl: boolean;
  failedDueToRegex: boolean;
}

/** One run: as many requests as there are redirects, each over a connection of its own. */
export async function probeHttp(target: Target, settings: HttpSettings, run: Run): Promise<Outcome> {
  const url = targetUrl(target.address);
  if (url === undefined) throw new Error('a target that httpTarget refuses cannot be probed');
  const timer = new PhaseTimer(run.monotonic);
  const progress: Progress = {
    redirects: 0,
    tlsSamples: [],
    response: undefined,
    body: undefined,
    ssl: false,
    failedDueToRegex: false,
  };
  let verdict: Verdict;
  try {
    let next: HopRequest | Verdict = firstRequest(url, settings);
    while (!('status' in next)) next = await hop(next, { settings, run, timer, progress });
    verdict = next;
  } catch (error) {
    verdict = verdictOf(error, run, timer);
  }
  return outcome(verdict, progress, timer.stop());
}

interface HopContext {
  readonly settings: HttpSettings;
  readonly run: Run;
  readonly timer: PhaseTimer;
  readonly progress: Progress;
}

/** One request; gives the next one after a redirect, else the verdict. */
async function hop(request: HopRequest, context: HopContext): Promise<HopRequest | Verdict> {
  const { settings, run, timer, progress } = context;
  const plain = await open(run, timer, {
    host: bareHost(request.url),
    port: portOf(request.url),
    ...settings.ip,
  });
  let socket: Socket = plain;
  try {
    progress.ssl = request.url.protocol === 'https:';
    progress.tlsSamples = [];
    if (progress.ssl) socket = await secure(plain, request, context);
    run.signal.throwIfAborted();
    timer.enter('processing');
    run.log('request', { method: request.method, url: shownUrl(request.url) });
    const response = await exchange({
      socket,
      method: request.method,
      path: `${request.url.pathname}${request.url.search}`,
      headers: requestHeaders(request, settings),
      body: request.body,
      onFirstByte: () => timer.enter('transfer'),
    });
    progress.response = response;
    run.log('answer', { status: response.statusCode, httpVersion: response.httpVersion });
    const next = settings.followRedirects
      ? redirectedRequest(request, response.statusCode ?? 0, response.headers.location)
      : undefined;
    return next === undefined ? await conclude(response, context) : follow(next, progress);
  } finally {
    // an answer read to its end leaves nothing to say but goodbye (TLS: close_notify)
    if (progress.body?.problem === undefined && progress.body !== undefined) socket.destroySoon();
    else plain.destroy();
  }
}

/** Speaks TLS; a certificate that is not good enough ends the run before anything is sent. */
async function secure(
  plain: Socket,
  request: HopRequest,
  { settings, run, timer, progress }: HopContext,
): Promise<Socket> {
  timer.enter('tls');
  const handshake = await settings.tls.handshake({
    socket: plain,
    host: bareHost(request.url),
    signal: run.signal,
    alpn: ['http/1.1'],
    ownHost: request.ownHost,
  });
  progress.tlsSamples = [...handshake.samples, cipherSample(handshake.socket)];
  if (handshake.verdict.status !== 'success') throw new ProbeFailure(handshake.verdict);
  return handshake.socket;
}

function follow(next: HopRequest, progress: Progress): HopRequest {
  progress.redirects += 1;
  if (progress.redirects > MAX_REDIRECTS) throw fail('redirect', `Stopped after ${MAX_REDIRECTS} redirects`);
  return next;
}

/** Reads the final answer and judges it. */
async function conclude(
  response: IncomingMessage,
  { settings, run, progress }: HopContext,
): Promise<Verdict> {
  const status = response.statusCode ?? 0;
  progress.body = await readBody(response, {
    keep: bytesToKeep(response, settings),
    limit: settings.bodySizeLimit,
  });
  // a bad status stays the better explanation when the body does not come either
  if (isValidStatus(status, settings.statusCodes)) run.signal.throwIfAborted();
  const answer: Answer = {
    status,
    version: response.httpVersion,
    rawHeaders: response.rawHeaders,
    ssl: progress.ssl,
    body: progress.body,
  };
  const { verdict, failedDueToRegex } = judgeAnswer(answer, settings);
  progress.failedDueToRegex = failedDueToRegex;
  return verdict;
}

function bytesToKeep(response: IncomingMessage, { bodyMatches, bodyNotMatches }: HttpSettings): number {
  if (bodyMatches.length + bodyNotMatches.length > 0) return REGEXP_BYTES;
  return isJsonType(response.headers['content-type']) ? MAX_DATA_BYTES : 0;
}

function outcome(verdict: Verdict, progress: Progress, phases: PhaseSeconds): Outcome {
  const { response, body, redirects, ssl, tlsSamples, failedDueToRegex } = progress;
  const samples = [
    ...PHASES.flatMap((phase) => {
      const seconds = phases[phase];
      return seconds === undefined ? [] : [sample(DURATION, seconds, { phase })];
    }),
    ...tlsSamples,
    ...(response === undefined
      ? []
      : [sample(REDIRECTS, redirects), sample(SSL, ssl ? 1 : 0), ...responseSamples(response, body)]),
    ...(body === undefined ? [] : [sample(FAILED_DUE_TO_REGEX, failedDueToRegex ? 1 : 0)]),
  ];
  return { verdict, samples, phases, details: details(response, body) };
}

function details(response: IncomingMessage | undefined, body: Body | undefined): Details {
  if (response?.statusCode === undefined) return {};
  const data =
    body !== undefined && isJsonType(response.headers['content-type']) ? jsonData(body) : undefined;
  return { statusCode: response.statusCode, ...(data === undefined ? {} : { data }) };
}
