import type { BodySource } from './body-source.ts';

/** The head of an answer, by whatever version of HTTP, and where its body comes from. */
export interface HttpResponse {
  readonly status: number;
  /** `1.0`, `1.1` or `2.0`. */
  readonly version: string;
  /** Names, in lower case, and values in turn. */
  readonly headers: readonly string[];
  /** The length that the answer announces; undefined when it announces none (blackbox_exporter: -1). */
  readonly announcedLength: number | undefined;
  readonly body: BodySource;
}

/** What an exchange was given: one request, and the connection it goes over. */
export interface RequestLine {
  readonly method: string;
  readonly path: string;
  /** A flat list of names and values. */
  readonly headers: string[];
  readonly body: string | undefined;
  /** Called at the first byte of the answer. */
  readonly onFirstByte: () => void;
}
