type LogMethod = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/**
 * The part of a logger that Tocsin uses (pino's shape): static messages, everything variable in `fields`. `error` means
 * that a person must act.
 */
export interface Logger {
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
}
