import { randomUUID } from 'node:crypto';
import { Cancellation, onAbort, type CancelSignal } from '../domain/cancellation.ts';
import type { Clock, MonotonicMs } from '../domain/clock.ts';
import { formatDuration } from '../domain/quantity.ts';
import { failure, unknown } from '../domain/result.ts';
import type { Target } from '../domain/service.ts';
import type { Sample } from '../metrics/family.ts';
import { sample } from '../metrics/family.ts';
import { agentLimitReached, attributeFault } from './agent-fault.ts';
import { DNS_LOOKUP_TIME, IP_ADDR_HASH, IP_PROTOCOL, PHASE_DURATION, PROBE_DURATION } from './families.ts';
import { addressHash } from './net/address-hash.ts';
import { errorText } from './net/error-fields.ts';
import type { Resolver } from './net/resolver.ts';
import type { LogLine, Outcome, PhaseSeconds, Probe, Run, RunResult } from './prober.ts';
import { PHASES } from './prober.ts';

export interface RunOptions {
  readonly probe: Probe;
  readonly target: Target;
  readonly timeoutMs: number;
  readonly resolver: Resolver;
  readonly clock: Clock;
  /** The longest time (ms) for which the event loop was blocked since a monotonic time; without it, never. */
  readonly stalledMs?: (since: MonotonicMs) => number;
  /** As in `Run`. */
  readonly permit?: Run['permit'];
  readonly onChain?: Run['onChain'];
  readonly evaluateCel?: Run['evaluateCel'] | undefined;
  /** Cancels the run: shutdown, a removed check, a client that disconnected. */
  readonly signal?: CancelSignal;
}

/** How long a prober may take to stop after its deadline before it is abandoned. */
const GRACE_MS = 250;
const MAX_LOG_LINES = 100;

/**
 * Runs a probe once and never rejects.
 *
 * - Its signal aborts after `timeoutMs`, or when `signal` does.
 * - A prober that does not stop then is abandoned `GRACE_MS` later: failure `timeout`.
 * - A cancelled run that did not succeed is `unknown` `agent_error`, since it says nothing about the target.
 * - So is a run whose prober threw: a bug is never the target's fault.
 * - What Tocsin itself caused (a blocked event loop, no file descriptors) is `unknown`: see `attributeFault`.
 *
 * The samples are the prober's and those of `RUN_FAMILIES`, without the labels of the check.
 */
export async function runProbe(options: RunOptions): Promise<RunResult> {
  const { clock, probe, target, timeoutMs } = options;
  const startedAt = clock.now();
  const start = clock.monotonic();
  const elapsed = (): number => clock.monotonic() - start;
  const log: LogLine[] = [];
  const addLine = (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
    if (log.length < MAX_LOG_LINES) log.push({ at: elapsed(), message, fields });
  };
  const deadline = startDeadline(options, elapsed);
  const lookups = recordLookups(options.resolver, clock);
  const run = {
    signal: deadline.signal,
    timeoutMs,
    resolver: lookups.resolver,
    monotonic: () => clock.monotonic(),
    ...(options.permit !== undefined && { permit: options.permit }),
    onChain: options.onChain,
    evaluateCel: options.evaluateCel,
    log: addLine,
  };
  const attempt = async (): Promise<Outcome> => {
    try {
      return await probe.probe(target, run);
    } catch (error) {
      const limit = agentLimitReached(error);
      if (limit !== undefined) return { verdict: limit, samples: [] };
      addLine('prober threw', describeBug(error));
      return {
        verdict: unknown('agent_error', `The prober has a bug: ${describeBug(error).error}`),
        samples: [],
      };
    }
  };
  const outcome = deadline.cancelled() ? CANCELLED : await Promise.race([attempt(), deadline.abandoned]);
  deadline.stop();
  const circumstances = { timeoutMs, lateMs: deadline.lateMs(), stalledMs: options.stalledMs?.(start) ?? 0 };
  const cancelled = deadline.cancelled() && outcome.verdict.status !== 'success';
  const verdict = cancelled ? CANCELLED.verdict : attributeFault(outcome.verdict, circumstances);
  if (verdict.status !== 'success') addLine('run ended', { status: verdict.status, reason: verdict.reason });
  const durationSeconds = elapsed() / 1_000;
  const phases = outcome.phases ?? {};
  const samples = [
    sample(PROBE_DURATION, durationSeconds),
    ...lookups.samples(),
    ...phaseSamples(phases),
    ...outcome.samples,
  ];
  return {
    runId: newRunId(),
    verdict,
    startedAt,
    durationSeconds,
    details: outcome.details ?? {},
    samples,
    phases,
    log: [...log],
  };
}

/** 64 random bits, from the supply that Node keeps ready. */
function newRunId(): string {
  const uuid = randomUUID();
  return `${uuid.slice(0, 8)}${uuid.slice(28)}`;
}

const CANCELLED: Outcome = {
  verdict: unknown(
    'agent_error',
    'The run was cancelled before it ended: Tocsin is stopping or its configuration was reloaded',
  ),
  samples: [],
};

interface Deadline {
  readonly signal: CancelSignal;
  /** Resolves when the prober has ignored the abort for too long. */
  readonly abandoned: Promise<Outcome>;
  cancelled(): boolean;
  /** How late the deadline came, in milliseconds; 0 if it has not come. */
  lateMs(): number;
  stop(): void;
}

function startDeadline({ clock, signal, timeoutMs }: RunOptions, elapsed: () => number): Deadline {
  const cancellation = new Cancellation();
  let lateMs = 0;
  let stopTimer = (): void => undefined;
  let giveUp = (_outcome: Outcome): void => undefined;
  const abandoned = new Promise<Outcome>((resolve) => {
    giveUp = resolve;
  });
  const abort = (): void => {
    stopTimer();
    cancellation.abort();
    const text = `Request timed out after ${formatDuration(timeoutMs)}, and the prober did not stop`;
    stopTimer = clock.after(GRACE_MS, () => giveUp({ verdict: failure('timeout', text), samples: [] }));
  };
  stopTimer = clock.after(timeoutMs, () => {
    lateMs = Math.max(0, elapsed() - timeoutMs);
    abort();
  });
  const release = signal && onAbort(signal, abort);
  return {
    signal: cancellation,
    abandoned,
    cancelled: () => signal?.aborted === true,
    lateMs: () => lateMs,
    stop: () => {
      stopTimer();
      release?.();
    },
  };
}

interface Lookups {
  readonly resolver: Resolver;
  samples(): readonly Sample[];
}

/** Records the first lookup of a target in a run, so that every prober has blackbox_exporter's families about it. */
function recordLookups(resolver: Resolver, clock: Clock): Lookups {
  const samples: Sample[] = [];
  let recorded = false;
  return {
    resolver: {
      lookup: async (name, wanted) => {
        // a proxy or a token endpoint is not the target
        if (recorded || wanted.configured === true) return resolver.lookup(name, wanted);
        recorded = true;
        const start = clock.monotonic();
        try {
          const addresses = await resolver.lookup(name, wanted);
          const [chosen] = addresses;
          if (chosen !== undefined) {
            samples.push(
              sample(IP_PROTOCOL, chosen.family),
              sample(IP_ADDR_HASH, addressHash(chosen.address)),
            );
          }
          return addresses;
        } finally {
          samples.push(sample(DNS_LOOKUP_TIME, (clock.monotonic() - start) / 1_000));
        }
      },
    },
    samples: () => samples,
  };
}

function phaseSamples(phases: PhaseSeconds): readonly Sample[] {
  return PHASES.flatMap((phase) => {
    const seconds = phases[phase];
    return seconds === undefined ? [] : [sample(PHASE_DURATION, seconds, { phase })];
  });
}

/** The class of an error and where it was thrown; its message is omitted, since it may quote a secret. */
function describeBug(error: unknown): { readonly error: string; readonly at: readonly string[] } {
  const at = errorText(error, 'stack')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('at '));
  return { error: errorText(error, 'name') || typeof error, at: at.slice(0, 5) };
}
