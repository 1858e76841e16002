import type { CloudEvent } from '../../domain/event.ts';

/** Outcome of a delivery to a sink. */
export interface Delivered {
  /** How many events, from the first on, were accepted. */
  readonly taken: number;
  /** Why the next event was not accepted. */
  readonly failure?: Failure;
}

export interface Failure {
  readonly reason: string;
  /** The event is at fault: it would be rejected again. */
  readonly refused?: boolean;
  /** How long the receiver asks to wait before a retry, milliseconds. */
  readonly retryAfterMs?: number;
}

/** A destination that events are copied to. */
export interface Sink {
  /** Never rejects; limits its own time, and ends early on the signal. */
  deliver(events: readonly CloudEvent[], signal: AbortSignal): Promise<Delivered>;
  close(): Promise<void>;
}
