/** One problem in a configuration. */
export interface ConfigProblem {
  readonly file: string;
  /** 1-based; absent when the problem is about the whole file. */
  readonly line?: number;
  /** Such as `services[2].http.method`; empty for the whole document. */
  readonly path: string;
  /** What was given, what was expected, what to do. */
  readonly message: string;
}
