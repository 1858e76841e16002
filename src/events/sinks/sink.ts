import type { CloudEvent } from '../../domain/event.ts';

/** What became of the events that a sink was given. */
export interface Delivered {
  /** How many of them, from the first on, it took. */
  readonly taken: number;
  /** Why the next one was not taken. */
  readonly failure?: Failure;
}

export interface Failure {
  readonly reason: string;
  /** It is the event that is at fault: it would be refused again. */
  readonly refused?: boolean;
  /** When the receiver wants to be asked again, in milliseconds. */
  readonly retryAfterMs?: number;
}

/** Where events are copied to. */
export interface Sink {
  /** Never rejects; bounded in time by itself, and ended early by the signal. */
  deliver(events: readonly CloudEvent[], signal: AbortSignal): Promise<Delivered>;
  close(): Promise<void>;
}
