import type { BodySource } from './body-source.ts';

/** The head of an answer, by any version of HTTP, and the source of its body. */
export interface HttpResponse {
  readonly status: number;
  /** `1.0`, `1.1` or `2.0`. */
  readonly version: string;
  /** Lower-case names and values, alternating. */
  readonly headers: readonly string[];
  /** The length that the answer announces; undefined when it announces none (blackbox_exporter: -1). */
  readonly announcedLength: number | undefined;
  readonly body: BodySource;
}

/** The request of an exchange. */
export interface RequestLine {
  readonly method: string;
  readonly path: string;
  /** A flat list of names and values. */
  readonly headers: string[];
  readonly body: string | undefined;
  /** Called on the first byte of the answer. */
  readonly onFirstByte: () => void;
}
