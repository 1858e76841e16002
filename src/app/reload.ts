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
    this.#current = keepUntilRestart(before, result.config);
    swap(this.#current);
    const changes = serviceChanges(before, this.#current);
    const restart = needsRestart(before, result.config);
    if (restart.length > 0)
      logger.warn({ keys: restart }, 'some changes of the configuration need a restart');
    logger.info({ services: this.#current.services.length, ...changes }, 'configuration reloaded');
    outbox.event({
      type: 'tocsin.config.reloaded',
      time: clock.now(),
      data: { ...changes, needs_restart: restart },
    });
    return { ok: true };
  }
}

/** What is fixed while the process lives: the listener, the store and the host's collectors. */
function keepUntilRestart(before: Config, after: Config): Config {
  const { node, listen, maxHeaderBytes, headerTimeoutMs, requestTimeoutMs, keepAliveMs } = before.server;
  const fixed = {
    node,
    listen,
    maxHeaderBytes,
    headerTimeoutMs,
    requestTimeoutMs,
    keepAliveMs,
  };
  return Object.freeze({
    ...after,
    server: Object.freeze({ ...after.server, ...fixed }),
    store: before.store,
    host: before.host,
  });
}

function needsRestart(before: Config, after: Config): string[] {
  const kept = keepUntilRestart(before, after);
  const sections = (['server', 'store', 'host'] as const).filter(
    (section) => JSON.stringify(kept[section]) !== JSON.stringify(after[section]),
  );
  return [...sections];
}

function serviceChanges(before: Config, after: Config) {
  const names = (config: Config) => new Set(config.services.map(({ name }) => name));
  const [old, now] = [names(before), names(after)];
  return {
    added: [...now].filter((name) => !old.has(name)),
    removed: [...old].filter((name) => !now.has(name)),
  };
}
