import type { z } from 'zod';
import type { CancelSignal } from '../domain/cancellation.ts';
import type { MonotonicMs } from '../domain/clock.ts';
import type { Target } from '../domain/service.ts';
import type { Result, Verdict, Details } from '../domain/result.ts';
import type { Family, Sample } from '../metrics/family.ts';
import type { EvaluateCel } from './http/rules/cel-judge.ts';
import type { ChainCertificate } from './net/tls/chain.ts';
import type { Resolver } from './net/resolver.ts';
import type { ConfigFiles } from '../settings/values.ts';

/** The phases of a run that are timed, in order. */
export const PHASES = ['resolve', 'connect', 'tls', 'processing', 'transfer'] as const;
export type Phase = (typeof PHASES)[number];
/** Seconds spent in each phase that was reached; a phase that was not is absent, never 0. */
export type PhaseSeconds = Readonly<Partial<Record<Phase, number>>>;

/** The context of one run. */
export interface Run {
  /** The one deadline, passed to every driver. Aborts when the time is up or the run is cancelled. */
  readonly signal: CancelSignal;
  /** The time limit of the run, in milliseconds. */
  readonly timeoutMs: number;
  readonly resolver: Resolver;
  readonly monotonic: () => MonotonicMs;
  /**
   * Throws when a host that is not resolved here must not be reached: one behind a proxy, or the path of a socket.
   * Hosts that are resolved are checked by `resolver`, which therefore needs the `port`.
   */
  readonly permit?: (host: string, port?: number) => void;
  /** Receives the chain of each TLS connection, whatever its verdict. */
  readonly onChain?: ((chain: readonly ChainCertificate[]) => void) | undefined;
  /** Evaluates CEL that may take long; without it, CEL is evaluated on the event loop, however long it takes. */
  readonly evaluateCel?: EvaluateCel | undefined;
  /** A line in the log of the run; never a secret. */
  readonly log: (message: string, fields?: Readonly<Record<string, unknown>>) => void;
}

/** The end of a run: expected failures are returned, only bugs are thrown. */
export interface Outcome {
  readonly verdict: Verdict;
  /** Per-run values, without the labels of the check; absent rather than a made-up 0. */
  readonly samples: readonly Sample[];
  readonly phases?: PhaseSeconds;
  readonly details?: Details;
}

/** A prober bound to its settings: what the configuration holds and `runProbe` runs. */
export interface Probe {
  /** The validated settings. */
  readonly settings: unknown;
  readonly probe: (target: Target, run: Run) => Promise<Outcome>;
  /** As in `ProberDefinition`, with the settings bound. */
  readonly unmeasured?: (measured: readonly Sample[]) => readonly Sample[];
  readonly withHostname?: (hostname: string) => Probe | TargetProblem;
  readonly missing?: (address?: string) => string | undefined;
}

/** An address that a prober cannot use, and what it expects instead. */
export interface TargetProblem {
  readonly problem: string;
}

/** A target's label and host, read from its address. */
export type TargetParts = Pick<Target, 'label' | 'host'>;

/** A type of prober. Adding one is one file that exports one of these, and one line in the registry. */
export interface Prober {
  /** Its key in the configuration. */
  readonly type: string;
  /** Every family that its runs may expose. */
  readonly families: readonly Family[];
  /** The strict schema of its settings; parsing gives the ready `Probe`. */
  readonly schema: (files: ConfigFiles) => z.ZodType<Probe>;
  /** Parses an address, or returns the problem. */
  readonly target: (address: string) => TargetParts | TargetProblem;
  /**
   * The address meant by `/probe?target=` (`http`: without a scheme it is `http://`); without this function, the target
   * itself.
   */
  readonly probeAddress?: (target: string) => string;
}

export interface ProberDefinition<Settings> extends Omit<Prober, 'schema'> {
  readonly settings: (files: ConfigFiles) => z.ZodType<Settings>;
  readonly probe: (target: Target, settings: Settings, run: Run) => Promise<Outcome>;
  /**
   * blackbox_exporter's values (0, -1) for what a run with these settings did not measure. A run's own samples never
   * include them; `/probe` adds each one that has no sample of the same family and labels.
   * @param measured the run's samples, including those of every run
   */
  readonly unmeasured?: (settings: Settings, measured: readonly Sample[]) => readonly Sample[];
  /**
   * What these settings lack and this address does not provide; without an address, what blackbox_exporter requires of
   * a module, whatever its target.
   */
  readonly missing?: (settings: Settings, address?: string) => string | undefined;
  /** The settings for `/probe?hostname=`, or why they do not allow it; without it, the parameter is ignored. */
  readonly withHostname?: (settings: Settings, hostname: string) => Settings | TargetProblem;
}

/** Ties a prober's settings to its function, so that nothing outside needs to know their type. */
export function defineProber<Settings extends object>(definition: ProberDefinition<Settings>): Prober {
  const { type, families, target, probeAddress } = definition;
  return {
    type,
    families,
    target,
    ...(probeAddress !== undefined && { probeAddress }),
    schema: (files) => definition.settings(files).transform((settings) => bind(definition, settings)),
  };
}

function bind<Settings extends object>(definition: ProberDefinition<Settings>, settings: Settings): Probe {
  const { probe, unmeasured, withHostname, missing } = definition;
  return {
    settings,
    probe: (to, run) => probe(to, settings, run),
    ...(unmeasured !== undefined && {
      unmeasured: (measured: readonly Sample[]) => unmeasured(settings, measured),
    }),
    ...(missing !== undefined && { missing: (address?: string) => missing(settings, address) }),
    ...(withHostname !== undefined && {
      withHostname: (hostname) => {
        const changed = withHostname(settings, hostname);
        return 'problem' in changed ? changed : bind(definition, changed);
      },
    }),
  };
}

/** A finished run with everything it reported. */
export interface RunResult extends Result {
  readonly samples: readonly Sample[];
  readonly phases: PhaseSeconds;
  readonly log: readonly LogLine[];
}

export interface LogLine {
  /** Milliseconds since the start of the run. */
  readonly at: number;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}
