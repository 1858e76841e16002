/** How far a sink has come. */
export interface SinkProgress {
  readonly sink: string;
  /** The id of the last event that it is done with. */
  readonly after: string;
  /** Events up to there that it would not take. */
  readonly refused: readonly { readonly id: string; readonly at: number; readonly reason: string }[];
}

/** An event that a sink refused for good. */
export interface DeadLetter {
  /** Of the event. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly reason: string;
}
