import { cutOnAbort } from '../../domain/cancellation.ts';
import type { EventBus } from '../event-bus.ts';
import { SinkWorker, type SinkWorkerOptions, type SinkOutcome } from './sink-worker.ts';
import type { Sink } from './sink.ts';

/** A sink of the configuration. */
export interface ConfiguredSink {
  readonly name: string;
  /** For example `redis`. */
  readonly type: string;
  readonly create: () => Sink;
}

/** State of a sink. */
export interface SinkView {
  readonly name: string;
  readonly type: string;
  /** The id of the last event that it is done with. */
  readonly after: string;
  /** Number of events after that. */
  readonly lag: number;
  /** Why it does not accept events. */
  readonly failing?: string;
}

export interface SinksOptions extends Pick<SinkWorkerOptions, 'ledger' | 'clock' | 'logger' | 'random'> {
  readonly bus: EventBus;
  readonly onEvents: (sink: string, outcome: SinkOutcome, count: number) => void;
  readonly onFailure: (sink: string) => void;
}

interface RunningSink {
  readonly type: string;
  readonly worker: SinkWorker;
}

/** The configured sinks, each with its own pump: none waits for another. */
export class Sinks {
  readonly #options: SinksOptions;
  readonly #cutting = new AbortController();
  #running: readonly RunningSink[] = [];
  #changing: Promise<void> = Promise.resolve();

  constructor(options: SinksOptions) {
    this.#options = options;
  }

  /**
   * Replaces the set of sinks. Previous ones finish their deliveries first; a sink continues from the position stored
   * under its name. Cannot fail.
   */
  configure(wanted: readonly ConfiguredSink[]): void {
    this.#changing = this.#changing.then(async () => {
      await this.#stopAll();
      if (this.#cutting.signal.aborted) return;
      this.#running = wanted.flatMap((sink) => this.#tryStart(sink));
    });
  }

  views(): readonly SinkView[] {
    const { bus } = this.#options;
    return this.#running.flatMap(({ type, worker: { name, position, failing } }) =>
      position === undefined
        ? []
        : [
            {
              name,
              type,
              after: position,
              lag: bus.lag(position),
              ...(failing !== undefined && { failing }),
            },
          ],
    );
  }

  /** Lets deliveries in progress finish, and aborts them once `signal` does. */
  async stop(signal: AbortSignal): Promise<void> {
    this.configure([]);
    await cutOnAbort(this.#changing, signal, () => this.#cutting.abort());
  }

  async #stopAll(): Promise<void> {
    const stopped = await Promise.allSettled(
      this.#running.map(({ worker }) => worker.stop(this.#cutting.signal)),
    );
    // one that cannot be closed must not keep the others from starting
    for (const [i, end] of stopped.entries())
      if (end.status === 'rejected')
        this.#logFailure(this.#running[i]?.worker.name, end.reason, 'a sink could not be closed');
    this.#running = [];
  }

  #tryStart(sink: ConfiguredSink): RunningSink[] {
    try {
      return [{ type: sink.type, worker: this.#start(sink) }];
    } catch (error) {
      this.#logFailure(sink.name, error, 'a sink could not be started');
      return [];
    }
  }

  #logFailure(sink: string | undefined, error: unknown, message: string): void {
    this.#options.logger.error({ sink, error: String(error) }, message);
  }

  #start({ name, create }: ConfiguredSink): SinkWorker {
    const { onEvents, onFailure, ...options } = this.#options;
    return new SinkWorker({
      ...options,
      name,
      sink: create(),
      onEvents: (outcome, count) => onEvents(name, outcome, count),
      onFailure: () => onFailure(name),
    });
  }
}
