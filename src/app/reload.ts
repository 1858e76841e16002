import { keepUntilRestart } from '../config/restart.ts';
import type { Config, ConfigProblem, ConfigResult } from '../config/types.ts';
import type { Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import type { Outbox } from '../events/outbox.ts';
import type { SelfMetrics } from '../metrics/self/self-metrics.ts';

export type ReloadResult =
  { readonly ok: true } | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** A part of Tocsin that applies a configuration. */
export interface ReloadStep {
  readonly name: string;
  /** If it throws, the reload is undone; a later rejection is logged. */
  readonly apply: (config: Config) => Promise<void> | void;
}

export interface ReloadOptions {
  readonly initial: Config;
  /** Reads and validates the configuration again: may fail, changes nothing. */
  readonly read: () => ConfigResult;
  /** Apply a configuration, in this order. If one fails, all apply the old configuration again. */
  readonly steps: readonly ReloadStep[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly outbox: Outbox;
  readonly selfMetrics: SelfMetrics;
}

/** The configuration in force, and its replacement: complete or not at all. */
export class Reloader {
  #current: Config;
  readonly #options: ReloadOptions;

  constructor(options: ReloadOptions) {
    this.#options = options;
    this.#current = options.initial;
    options.selfMetrics.config.loaded(true, options.clock.now());
  }

  get current(): Config {
    return this.#current;
  }

  reload(): ReloadResult {
    const { clock, logger, outbox, selfMetrics } = this.#options;
    const result = this.#read();
    if (!result.ok) {
      selfMetrics.config.loaded(false, clock.now());
      const problems = result.problems.slice(0, 20);
      logger.error(
        { count: result.problems.length, problems },
        'the configuration was not reloaded; the old one stays in force',
      );
      return { ok: false, problems: result.problems };
    }
    const before = this.#current;
    const { config, needsRestart } = keepUntilRestart(before, result.config);
    this.#current = config;
    const failed = this.#applySteps(config);
    if (failed !== undefined) return this.#rollBack(before, failed);
    selfMetrics.config.loaded(true, clock.now());
    const changes = serviceChanges(before, config);
    if (needsRestart.length > 0)
      logger.warn({ keys: needsRestart }, 'some configuration changes need a restart');
    logger.info({ services: config.services.length, ...changes }, 'configuration reloaded');
    outbox.addEvent({
      type: 'tocsin.config.reloaded',
      time: clock.now(),
      data: { ...changes, needs_restart: needsRestart },
    });
    return { ok: true };
  }

  /** A bug in reading costs the reload, not the process. */
  #read(): ConfigResult {
    try {
      return this.#options.read();
    } catch (error) {
      this.#recordFailure('read', error);
      return { ok: false, problems: [bugProblem('Tocsin failed to read the configuration')] };
    }
  }

  /** Every step is run, even after one failed. @returns the first one that failed */
  #applySteps(config: Config): string | undefined {
    let failed: string | undefined;
    for (const { name, apply } of this.#options.steps) {
      try {
        apply(config)?.catch((error: unknown) => this.#recordFailure(name, error));
      } catch (error) {
        failed ??= name;
        this.#recordFailure(name, error);
      }
    }
    return failed;
  }

  #rollBack(before: Config, failed: string): ReloadResult {
    this.#current = before;
    this.#applySteps(before);
    const what = `The configuration is valid, but Tocsin failed to apply it (${failed}) and restored the old one`;
    return { ok: false, problems: [bugProblem(what)] };
  }

  #recordFailure(step: string, error: unknown): void {
    const { logger, selfMetrics, clock } = this.#options;
    selfMetrics.config.loaded(false, clock.now());
    logger.error(
      { step, error: error instanceof Error ? error.message : String(error) },
      'a component failed to apply the configuration because of a bug; please report it',
    );
  }
}

function bugProblem(what: string): ConfigProblem {
  const message = `${what}. This is a bug; please report it with the error in the log.`;
  return { file: 'configuration', path: '', message };
}

function serviceChanges(before: Config, after: Config) {
  const names = (config: Config) => new Set(config.services.map(({ name }) => name));
  const [old, now] = [names(before), names(after)];
  return {
    added: [...now].filter((name) => !old.has(name)),
    removed: [...old].filter((name) => !now.has(name)),
  };
}
