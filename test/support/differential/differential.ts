/** A server of a pair, on this machine; both exporters probe it. */
export interface PairServer {
  /** The value of `/probe?target=`. */
  readonly target: string;
  stop(): Promise<void> | void;
}

/** A module and a target for which blackbox_exporter and Tocsin are compared. */
export interface Pair {
  /** What is compared; unique. */
  readonly name: string;
  /** The module, as in blackbox.yml: `{ prober: 'http', timeout: '10s', http: { … } }`. */
  readonly module: Readonly<Record<string, unknown>>;
  start(): Promise<PairServer>;
  /** Further parameters, such as `hostname`. */
  readonly query?: Readonly<Record<string, string>>;
  /** `X-Prometheus-Scrape-Timeout-Seconds`; default 15. */
  readonly timeoutSeconds?: number;
  /** An intended difference. */
  readonly differs?: Difference;
}

/** An intended difference; docs/migrating-from-blackbox_exporter.md describes it under its title. */
export interface Difference {
  /** A heading of the document. */
  readonly title: string;
  /**
   * The series that differ, as written in the exposition (`probe_success`, `probe_http_duration_seconds{phase="tls"}`),
   * or whole families (`probe_ssl_last_chain_info`); anything else must still be the same.
   */
  readonly series?: readonly string[];
  /** Tocsin's HTTP status, where it differs from blackbox_exporter's; then no series are compared. */
  readonly status?: number;
}
