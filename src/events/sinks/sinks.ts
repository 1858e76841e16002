import { cutOnAbort } from '../../domain/cancellation.ts';
import type { Bus } from '../bus.ts';
import { Pump, type PumpOptions, type SinkOutcome } from './pump.ts';
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

export interface SinksOptions extends Pick<PumpOptions, 'ledger' | 'clock' | 'logger' | 'random'> {
  readonly bus: Bus;
  readonly onEvents: (sink: string, outcome: SinkOutcome, count: number) => void;
  readonly onFailure: (sink: string) => void;
}

interface Running {
  readonly type: string;
  readonly pump: Pump;
}

/** The configured sinks, each with its own pump: none waits for another. */
export class Sinks {
  readonly #options: SinksOptions;
  readonly #cutting = new AbortController();
  #running: readonly Running[] = [];
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
      this.#running = wanted.flatMap((sink) => this.#started(sink));
    });
  }

  views(): readonly SinkView[] {
    const { bus } = this.#options;
    return this.#running.flatMap(({ type, pump: { name, at, failing } }) =>
      at === undefined
        ? []
        : [{ name, type, after: at, lag: bus.behind(at), ...(failing !== undefined && { failing }) }],
    );
  }

  /** Lets deliveries in progress finish, and aborts them once `signal` does. */
  async stop(signal: AbortSignal): Promise<void> {
    this.configure([]);
    await cutOnAbort(this.#changing, signal, () => this.#cutting.abort());
  }

  async #stopAll(): Promise<void> {
    const stopped = await Promise.allSettled(
      this.#running.map(({ pump }) => pump.stop(this.#cutting.signal)),
    );
    // one that cannot be closed must not keep the others from starting
    for (const [i, end] of stopped.entries())
      if (end.status === 'rejected')
        this.#failed(this.#running[i]?.pump.name, end.reason, 'a sink could not be closed');
    this.#running = [];
  }

  #started(sink: ConfiguredSink): Running[] {
    try {
      return [{ type: sink.type, pump: this.#start(sink) }];
    } catch (error) {
      this.#failed(sink.name, error, 'a sink could not be started');
      return [];
    }
  }

  #failed(sink: string | undefined, error: unknown, message: string): void {
    this.#options.logger.error({ sink, error: String(error) }, message);
  }

  #start({ name, create }: ConfiguredSink): Pump {
    const { onEvents, onFailure, ...options } = this.#options;
    return new Pump({
      ...options,
      name,
      sink: create(),
      onEvents: (outcome, count) => onEvents(name, outcome, count),
      onFailure: () => onFailure(name),
    });
  }
}
