import { Counter, Gauge, type Registry } from 'prom-client';

const OUTCOMES = ['delivered', 'refused', 'lost'] as const;

/** Sinks and event streams. */
export class SinkInstruments {
  readonly #lag: Gauge<'sink'>;
  readonly #failures: Counter<'sink'>;
  readonly #events: Counter<'sink' | 'outcome'>;
  readonly #streams: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#lag = new Gauge({
      name: 'tocsin_sink_offset_lag',
      help: 'Events in the ledger that a sink has not accepted yet.',
      labelNames: ['sink'],
      registers,
    });
    this.#failures = new Counter({
      name: 'tocsin_sink_failures_total',
      help: 'Failed attempts to deliver events to a sink.',
      labelNames: ['sink'],
      registers,
    });
    this.#events = new Counter({
      name: 'tocsin_sink_events_total',
      help: 'Events by sink and outcome.',
      labelNames: ['sink', 'outcome'],
      registers,
    });
    this.#streams = new Gauge({
      name: 'tocsin_event_streams',
      help: 'Open event streams.',
      registers,
    });
  }

  /** Starts the counters of a sink at 0. */
  declare(sink: string): void {
    this.#failures.inc({ sink }, 0);
    for (const outcome of OUTCOMES) this.#events.inc({ sink, outcome }, 0);
  }

  /** Sets the lag of each sink; other sinks are removed. */
  lag(sinks: readonly { readonly name: string; readonly lag: number }[]): void {
    this.#lag.reset();
    for (const { name, lag } of sinks) this.#lag.set({ sink: name }, lag);
  }

  failure(sink: string): void {
    this.#failures.inc({ sink });
  }

  events(sink: string, outcome: (typeof OUTCOMES)[number], count: number): void {
    this.#events.inc({ sink, outcome }, count);
  }

  streams(open: number): void {
    this.#streams.set(open);
  }
}
