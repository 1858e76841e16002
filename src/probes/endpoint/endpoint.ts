import type { CancelSignal } from '../../domain/cancellation.ts';
import type { AllowList } from '../../domain/allow-list.ts';
import type { Clock, MonotonicMs } from '../../domain/clock.ts';
import { failure } from '../../domain/result.ts';
import type { Target } from '../../domain/service.ts';
import { samplesText } from '../../exposition/formats/text.ts';
import { sample } from '../../metrics/family.ts';
import { PROBE_DURATION } from '../families.ts';
import type { ProbeModule } from '../module.ts';
import type { EvaluateCel } from '../http/rules/cel-judge.ts';
import type { Resolver } from '../net/resolver.ts';
import type { Probe, RunResult } from '../prober.ts';
import { runProbe } from '../run.ts';
import { debugText } from './debug-text.ts';
import { guardDestinations } from './destination-guard.ts';
import { virtualHost } from './hostname.ts';
import { reachesListener, type Listener } from './own-listener.ts';
import { runTimeoutMs } from './scrape-timeout.ts';
import { blackboxSamples } from './blackbox-series.ts';
import { SharedRuns } from './shared-runs.ts';

/** The parameters of a request to `/probe`, as given. */
export interface ProbeRequest {
  readonly target: string;
  /** Empty: `http_2xx`. */
  readonly module: string;
  /** Empty: none. */
  readonly hostname: string;
  readonly debug: boolean;
  /** `X-Prometheus-Scrape-Timeout-Seconds` */
  readonly scrapeTimeout: string | undefined;
}

/** The answer of `/probe`. */
export type ProbeResponse =
  | { readonly kind: 'metrics'; readonly text: string }
  | { readonly kind: 'debug'; readonly text: string; readonly status: 200 | 403 | 503 }
  /** `title` is constant; `detail` says what was given and what to do. */
  | {
      readonly kind: 'refused';
      readonly status: 400 | 403 | 429 | 500 | 503;
      readonly title: string;
      readonly detail: string;
    };

interface EndpointSettings {
  readonly modules: () => ReadonlyMap<string, ProbeModule>;
  readonly allow: AllowList;
  /** Whether an empty list allows everything: only while no other machine can connect. */
  readonly open: boolean;
  readonly maxConcurrency: number;
  /** The address Tocsin itself listens on; undefined: not yet known. */
  readonly listener?: Listener | undefined;
}

/** The client of a request. */
export interface ProbeClient {
  readonly address: string;
  /** Whether it presented a token, or is known as a scraper. */
  readonly authenticated: boolean;
}

type ConcurrencySlot =
  { readonly kind: 'admitted'; readonly release: () => void } | { readonly kind: 'limited' | 'overloaded' };

export interface ProbeEndpointOptions {
  /** The modules and limits in force; read for each request, so that a reload takes effect. */
  readonly settings: () => EndpointSettings;
  readonly resolver: Resolver;
  readonly clock: Clock;
  /** Gives a run its place, or the reason for refusal: its client's address has reached its limit, or all are taken. */
  readonly acquire: (client: ProbeClient) => ConcurrencySlot;
  /** As `runProbe` takes it. */
  readonly stalledMs?: (since: MonotonicMs) => number;
  readonly evaluateCel?: EvaluateCel;
}

const DEFAULT_MODULE = 'http_2xx';

interface FinishedRun {
  readonly result: RunResult;
  /** Why the target itself may not be probed. */
  readonly refusal: string | undefined;
}

/** A request that can be run. */
interface Job {
  readonly module: ProbeModule;
  readonly probe: Probe;
  readonly address: string;
  readonly timeoutMs: number;
}

/** blackbox_exporter's `/probe`: one run of a module against any allowed target. */
export class ProbeEndpoint {
  readonly #options: ProbeEndpointOptions;
  readonly #shared = new SharedRuns<FinishedRun>();
  /** Ids of modules: their names are unique only within one configuration. */
  readonly #ids = new WeakMap<ProbeModule, number>();
  #lastId = 0;

  constructor(options: ProbeEndpointOptions) {
    this.#options = options;
  }

  /** @param signal aborts when the client disconnects */
  async handle(question: ProbeRequest, client: ProbeClient, signal: CancelSignal): Promise<ProbeResponse> {
    const settings = this.#options.settings();
    const job = this.#job(question, settings);
    if ('kind' in job) return job;
    const { module, address, timeoutMs } = job;
    const key = JSON.stringify([this.#idOf(module), address, question.hostname, timeoutMs]);
    const joins = !question.debug && this.#shared.has(key);
    const place = joins ? undefined : this.#options.acquire(client);
    if (place !== undefined && place.kind !== 'admitted')
      return tooManyProbes(place.kind, settings.maxConcurrency);
    const start = (cancel: CancelSignal) => this.#run(job, settings, cancel).finally(place?.release);
    const finished = await (question.debug ? start(signal) : this.#shared.join(key, signal, start));
    return toResponse(job, finished, question.debug);
  }

  /** Reads a request in blackbox_exporter's order: module, timeout, target, hostname. */
  #job(question: ProbeRequest, { modules }: EndpointSettings): Job | ProbeResponse {
    const name = question.module === '' ? DEFAULT_MODULE : question.module;
    const module = modules().get(name);
    if (module === undefined)
      return badRequest('Unknown module', `no module is named ${JSON.stringify(name)}`);
    const timeoutMs = runTimeoutMs(question.scrapeTimeout, module.timeoutMs);
    if (timeoutMs === undefined) {
      const detail = `X-Prometheus-Scrape-Timeout-Seconds is ${JSON.stringify(question.scrapeTimeout)}, expected a number`;
      return {
        kind: 'refused',
        status: 500,
        title: 'Failed to parse timeout from Prometheus header',
        detail,
      };
    }
    if (question.target === '')
      return badRequest('Target parameter is missing', 'expected /probe?target=…&module=…');
    const hostname = question.hostname === '' ? '' : virtualHost(question.hostname);
    if (hostname === undefined) return badHostname(question.hostname);
    const probe = hostname === '' ? module.probe : (module.probe.withHostname?.(hostname) ?? module.probe);
    if ('problem' in probe) return badRequest('The hostname does not fit the module', probe.problem);
    const address = module.prober.probeAddress?.(question.target) ?? question.target;
    return { module, probe, address, timeoutMs };
  }

  async #run(
    { module, probe, address, timeoutMs }: Job,
    { allow, open, listener }: EndpointSettings,
    signal: CancelSignal,
  ): Promise<FinishedRun> {
    const { resolver, clock, stalledMs, evaluateCel } = this.#options;
    const parts = module.prober.target(address);
    if ('problem' in parts) return { result: notRun(clock, 'config', parts.problem), refusal: undefined };
    if (timeoutMs <= 0)
      return { result: notRun(clock, 'timeout', 'The scrape timeout is too short'), refusal: undefined };
    const target: Target = { address, ...parts };
    const guard = guardDestinations(resolver, {
      permits: (to) => allow.permits(to, open),
      isOwn: (to) => listener !== undefined && reachesListener(to, listener) && !allow.listsExactly(to),
    });
    const { permit } = guard;
    const result = await runProbe({
      ...{ probe, target, timeoutMs, resolver: guard.resolver, permit, clock, signal, evaluateCel },
      ...(stalledMs !== undefined && { stalledMs }),
    });
    return { result, refusal: guard.refusal() };
  }

  #idOf(module: ProbeModule): number {
    const known = this.#ids.get(module);
    if (known !== undefined) return known;
    this.#lastId += 1;
    this.#ids.set(module, this.#lastId);
    return this.#lastId;
  }
}

function toResponse({ module, probe }: Job, { result, refusal }: FinishedRun, debug: boolean): ProbeResponse {
  const { verdict } = result;
  const text = samplesText(blackboxSamples(result, probe));
  if (debug) {
    const status = refusal !== undefined ? 403 : verdict.status === 'unknown' ? 503 : 200;
    return { kind: 'debug', status, text: debugText(result, text, module) };
  }
  if (refusal !== undefined)
    return { kind: 'refused', status: 403, title: 'The target may not be probed', detail: refusal };
  if (verdict.status === 'unknown')
    return {
      kind: 'refused',
      status: 503,
      title: 'The result for the target is unknown',
      detail: verdict.text,
    };
  return { kind: 'metrics', text };
}

/** The result of a run that could not start. */
function notRun(clock: Clock, reason: 'config' | 'timeout', text: string): RunResult {
  return {
    verdict: failure(reason, text),
    startedAt: clock.now(),
    durationSeconds: 0,
    details: {},
    samples: [sample(PROBE_DURATION, 0)],
    phases: {},
    log: [],
  };
}

function badHostname(given: string): ProbeResponse {
  const detail = `hostname is ${JSON.stringify(given)}, expected a name or an address, with or without a port`;
  return badRequest('The hostname is not a host name', detail);
}

function badRequest(title: string, detail: string): ProbeResponse {
  return { kind: 'refused', status: 400, title, detail };
}

function tooManyProbes(kind: 'limited' | 'overloaded', most: number): ProbeResponse {
  const title = 'Too many concurrent runs';
  if (kind === 'overloaded') {
    const detail = `The limit of concurrent runs is reached (probe_endpoint.max_concurrency: ${most}).`;
    return { kind: 'refused', status: 503, title, detail };
  }
  const detail = `The limit of concurrent runs for one address is reached, a part of probe_endpoint.max_concurrency (${most}).`;
  return { kind: 'refused', status: 429, title, detail };
}
