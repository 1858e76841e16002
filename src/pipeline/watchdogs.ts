import { initialStatus, nextStatus, type WatchdogStatus } from './watchdog-state.ts';
import type { WatchdogConfig } from '../config/types.ts';
import { PeriodicTask, type Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import type { WatchdogSighting } from '../alerts/watchdog.ts';
import type { Outbox } from '../events/outbox.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { SelfMetrics } from '../metrics/self/self-metrics.ts';

export interface WatchdogsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ledger: Pick<Ledger, 'summary' | 'events'>;
  readonly outbox: Pick<Outbox, 'addEvent'>;
  readonly selfMetrics: Pick<SelfMetrics, 'pipeline'>;
}

interface WatchedWatchdog {
  readonly config: WatchdogConfig;
  status: WatchdogStatus;
}

const CHECK_MS = 500;
const NEVER_SEEN: Omit<WatchdogSighting, 'name'> = { lastSeenAt: undefined, firing: false };

/** Watches the alerts that always fire, and emits an event when one stops arriving and when it arrives again. */
export class Watchdogs {
  readonly #options: WatchdogsOptions;
  /** Undefined until the ledger's record of it has been read. */
  #watched = new Map<string, WatchedWatchdog | undefined>();
  #configs: readonly WatchdogConfig[] = [];
  #generation = 0;
  readonly #looks: PeriodicTask;

  constructor(options: WatchdogsOptions) {
    this.#options = options;
    this.#looks = new PeriodicTask(options, 'watchdogs', CHECK_MS, () => this.#check()).start();
  }

  /** Replaces the set of watchdogs; the ledger must already have it. An unchanged watchdog keeps its state. */
  configure(configs: readonly WatchdogConfig[]): void {
    const before = this.#watched;
    const same = (config: WatchdogConfig) => {
      const known = before.get(config.name);
      return JSON.stringify(known?.config) === JSON.stringify(config) ? known : undefined;
    };
    this.#configs = configs;
    this.#generation++;
    this.#watched = new Map(configs.map((config) => [config.name, same(config)]));
    const fresh = configs.filter(({ name }) => this.#watched.get(name) === undefined);
    void Promise.all(fresh.map((config) => this.#begin(config, this.#generation)));
  }

  stop(): void {
    this.#generation++;
    this.#looks.stop();
  }

  /** By name: whether each watchdog is received; one that is still waited for counts as received. */
  areAlive(): Readonly<Record<string, boolean>> {
    return Object.fromEntries(
      [...this.#watched].map(([name, watched]) => [name, watched?.status.state !== 'lost']),
    );
  }

  /** Whether every one was received in time. */
  allFresh(): boolean {
    return [...this.#watched.values()].every((watched) => watched?.status.state === 'fresh');
  }

  /** The newest event about it shows whether it was lost when Tocsin stopped. */
  async #begin(config: WatchdogConfig, generation: number): Promise<void> {
    const { ledger, clock, logger } = this.#options;
    let wasLost = false;
    try {
      const query = { type: 'tocsin.watchdog.*', subject: config.name, order: 'desc', limit: 1 } as const;
      const page = await ledger.events(query);
      wasLost = 'events' in page && page.events[0]?.type === 'tocsin.watchdog.lost';
    } catch (error) {
      logger.warn(
        { error: String(error), watchdog: config.name },
        'the last event of a watchdog could not be read',
      );
    }
    if (generation !== this.#generation && !this.#configs.includes(config)) return;
    const now = { monotonic: clock.monotonic(), wall: clock.now() };
    const status = initialStatus(this.#sighting(config.name), config.expectEveryMs, { now, wasLost });
    this.#watched.set(config.name, { config, status });
    this.#check();
  }

  #check(): void {
    const monotonic = this.#options.clock.monotonic();
    for (const watched of this.#watched.values()) {
      if (watched === undefined) continue;
      const { config, status: last } = watched;
      const { expectEveryMs } = config;
      const sighting = this.#sighting(config.name);
      watched.status = nextStatus(last, sighting, { expectEveryMs, monotonic });
      const { state } = watched.status;
      if (state === 'lost' && last.state !== 'lost') this.#report('lost', watched, sighting.firing);
      if (state === 'fresh' && last.state === 'lost') this.#report('restored', watched, true);
    }
    this.#updateMetrics();
  }

  #report(what: 'lost' | 'restored', { config, status }: WatchedWatchdog, firing: boolean): void {
    const { outbox, logger, clock } = this.#options;
    const { name, expectEveryMs } = config;
    const lastSeenAt = status.lastSeenAt;
    const seen = lastSeenAt === undefined ? null : new Date(lastSeenAt).toISOString();
    if (what === 'lost')
      logger.error(
        { watchdog: name, lastSeen: seen, expectEveryMs },
        'a watchdog is no longer received: alerts may not arrive; see docs/runbooks/TocsinWatchdogLost.md',
      );
    else logger.info({ watchdog: name }, 'a watchdog is received again');
    outbox.addEvent({
      type: `tocsin.watchdog.${what}`,
      subject: name,
      time: clock.now(),
      data: {
        watchdog: name,
        match: config.match,
        expect_every: expectEveryMs / 1_000,
        last_seen: seen,
        ...(what === 'lost' && { cause: firing || lastSeenAt === undefined ? 'silent' : 'ended' }),
      },
    });
  }

  #sighting(name: string): Omit<WatchdogSighting, 'name'> {
    return this.#options.ledger.summary().watchdogs.find((one) => one.name === name) ?? NEVER_SEEN;
  }

  #updateMetrics(): void {
    this.#options.selfMetrics.pipeline.watchdogs(
      [...this.#watched].map(([name, watched]) => {
        const state = watched?.status.state ?? 'waiting';
        return {
          name,
          lastSeenAt: this.#sighting(name).lastSeenAt,
          fresh: state === 'waiting' ? undefined : state === 'fresh',
        };
      }),
    );
  }
}
