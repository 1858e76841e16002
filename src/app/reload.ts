import { keepUntilRestart } from '../config/restart.ts';
import type { Config, ConfigProblem, ConfigResult } from '../config/types.ts';
import type { Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import type { Outbox } from '../events/outbox.ts';
import type { SelfMetrics } from '../metrics/self.ts';

export type ReloadResult =
  { readonly ok: true } | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

export interface ReloadOptions {
  readonly initial: Config;
  /** Reads and validates the configuration anew: may fail, changes nothing. */
  readonly read: () => ConfigResult;
  /** Puts a configuration in force: may not fail. */
  readonly swap: (config: Config) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly outbox: Outbox;
  readonly self: SelfMetrics;
}

/** The configuration in force, and how it is replaced: all of it or nothing. */
export class Reloader {
  #current: Config;
  readonly #options: ReloadOptions;

  constructor(options: ReloadOptions) {
    this.#options = options;
    this.#current = options.initial;
    options.self.config.loaded(true, options.clock.now());
  }

  get current(): Config {
    return this.#current;
  }

  reload(): ReloadResult {
    const { read, swap, clock, logger, outbox, self } = this.#options;
    const result = read();
    self.config.loaded(result.ok, clock.now());
    if (!result.ok) {
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
    swap(config);
    const changes = serviceChanges(before, config);
    if (needsRestart.length > 0)
      logger.warn({ keys: needsRestart }, 'some changes of the configuration need a restart');
    logger.info({ services: config.services.length, ...changes }, 'configuration reloaded');
    outbox.event({
      type: 'tocsin.config.reloaded',
      time: clock.now(),
      data: { ...changes, needs_restart: needsRestart },
    });
    return { ok: true };
  }
}

function serviceChanges(before: Config, after: Config) {
  const names = (config: Config) => new Set(config.services.map(({ name }) => name));
  const [old, now] = [names(before), names(after)];
  return {
    added: [...now].filter((name) => !old.has(name)),
    removed: [...old].filter((name) => !now.has(name)),
  };
}
