import { readTargetsFile } from '../config/sections/services/targets-file.ts';
import type { ConfiguredService, ConfigProblem, TargetsFile } from '../config/types.ts';
import type { Clock, EpochMs } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import type { Target } from '../domain/service.ts';
import type { SeriesTable } from '../exposition/table/series-table.ts';
import { TargetsFileMetrics } from '../metrics/targets-file-metrics.ts';
import { FileWatch } from './file-watch.ts';

export interface FileTargetsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly table: SeriesTable;
  /** Called when a file has other targets than before. */
  readonly onChange: () => void;
}

interface FileState {
  readonly service: string;
  readonly prober: string;
  readonly watch: FileWatch;
  file: TargetsFile;
  /** Those of the last valid version; empty before the first. */
  targets: readonly Target[];
  ok: boolean;
  loadedAt: EpochMs | undefined;
}

/** Keeps the targets of services in step with their files. An invalid file leaves the last valid targets in force. */
export class FileTargets {
  readonly #options: FileTargetsOptions;
  readonly #metrics: TargetsFileMetrics;
  readonly #states = new Map<string, FileState>();
  #services: readonly ConfiguredService[] = [];

  constructor(options: FileTargetsOptions) {
    this.#options = options;
    this.#metrics = new TargetsFileMetrics(options.table);
  }

  /** Replaces the watched services and reads their files. Cannot fail. */
  configure(services: readonly ConfiguredService[]): void {
    this.#services = services;
    const wanted = new Map(services.map((service) => [service.name, service]));
    for (const [name, state] of this.#states) {
      const service = wanted.get(name);
      if (service?.targetsFile?.path === state.file.path && service.prober === state.prober) continue;
      state.watch.stop();
      this.#states.delete(name);
    }
    for (const service of services) {
      if (service.targetsFile !== undefined) this.#read(this.#state(service, service.targetsFile));
    }
    this.#updateMetrics();
  }

  /** The services, each with the targets of its file. */
  services(): readonly ConfiguredService[] {
    return this.#services.map((service) => {
      const state = this.#states.get(service.name);
      return state === undefined ? service : { ...service, targets: state.targets };
    });
  }

  stop(): void {
    for (const { watch } of this.#states.values()) watch.stop();
  }

  #state({ name, prober }: ConfiguredService, file: TargetsFile): FileState {
    const known = this.#states.get(name);
    if (known !== undefined) {
      known.file = file;
      return known;
    }
    const watch = new FileWatch({
      ...this.#options,
      path: file.path,
      onChange: () => this.#changed(state),
    });
    const state: FileState = {
      service: name,
      prober,
      watch,
      file,
      targets: [],
      ok: true,
      loadedAt: undefined,
    };
    this.#states.set(name, state);
    return state;
  }

  #changed(state: FileState): void {
    const before = state.targets;
    this.#read(state);
    this.#updateMetrics();
    if (state.targets !== before) this.#options.onChange();
  }

  #read(state: FileState): void {
    const { logger, clock } = this.#options;
    const { service } = state;
    const result = readTargetsFile(state.file);
    const { path } = state.file;
    if (result.ok) {
      if (!state.ok) logger.info({ service, path }, 'a targets file can be used again');
      if (state.loadedAt !== undefined) this.#logChange(state, result.targets);
      if (result.notices.length > 0)
        logger.warn(
          { service, path, ...firstProblems(result.notices) },
          'a targets file has labels that are left out',
        );
      state.targets = result.targets;
      state.loadedAt = clock.now();
    } else if (state.ok) {
      logger.error(
        { service, path, ...firstProblems(result.problems) },
        'a targets file cannot be used; its last valid targets stay in force',
      );
    }
    state.ok = result.ok;
  }

  #logChange({ service, targets }: FileState, next: readonly Target[]): void {
    const [old, now] = [targets, next].map((list) => new Set(list.map(({ label }) => label)));
    const added = next.filter(({ label }) => old?.has(label) === false).length;
    const removed = targets.filter(({ label }) => now?.has(label) === false).length;
    this.#options.logger.info(
      { service, targets: next.length, added, removed },
      'a targets file was reloaded',
    );
  }

  #updateMetrics(): void {
    this.#metrics.set([...this.#states.values()]);
  }
}

const MAX_LOGGED = 20;

function firstProblems(problems: readonly ConfigProblem[]) {
  return { count: problems.length, problems: problems.slice(0, MAX_LOGGED) };
}
