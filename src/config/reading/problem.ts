/** One thing wrong with a configuration. */
export interface ConfigProblem {
  readonly file: string;
  /** 1-based; absent when the whole file is meant. */
  readonly line?: number;
  /** Such as `services[2].http.method`; empty for the whole document. */
  readonly path: string;
  /** What was given, what was expected, what to do. */
  readonly message: string;
}
