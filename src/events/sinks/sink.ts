import type { CloudEvent } from '../../domain/event.ts';

/** Outcome of a delivery to a sink. */
export interface DeliveryAttempt {
  /** How many events, from the first on, were accepted. */
  readonly accepted: number;
  /** Why the next event was not accepted. */
  readonly failure?: SinkFailure;
}

export interface SinkFailure {
  readonly reason: string;
  /** The event is at fault: it would be rejected again. */
  readonly permanent?: boolean;
  /** How long the receiver asks to wait before a retry, milliseconds. */
  readonly retryAfterMs?: number;
}

/** A destination that events are copied to. */
export interface Sink {
  /** Never rejects; limits its own time, and ends early on the signal. */
  deliver(events: readonly CloudEvent[], signal: AbortSignal): Promise<DeliveryAttempt>;
  close(): Promise<void>;
}
