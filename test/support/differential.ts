/** A server of a pair, on this machine; both probers ask it. */
export interface PairServer {
  /** What `/probe?target=` is given. */
  readonly target: string;
  stop(): Promise<void> | void;
}

/** A module and a target that blackbox_exporter and Tocsin are asked about, side by side. */
export interface Pair {
  /** What is looked at; unique. */
  readonly name: string;
  /** The module, as it would stand in blackbox.yml: `{ prober: 'http', timeout: '10s', http: { … } }`. */
  readonly module: Readonly<Record<string, unknown>>;
  start(): Promise<PairServer>;
  /** Further parameters, such as `hostname`. */
  readonly query?: Readonly<Record<string, string>>;
  /** `X-Prometheus-Scrape-Timeout-Seconds`; 15 unless told otherwise. */
  readonly timeoutSeconds?: number;
  /** What is different on purpose. */
  readonly differs?: Difference;
}

/** A difference that is ours on purpose; it stands in docs/migrating-from-blackbox_exporter.md under its title. */
export interface Difference {
  /** A heading of the document. */
  readonly title: string;
  /**
   * The series that differ, as written in the exposition (`probe_success`, `probe_http_duration_seconds{phase="tls"}`),
   * or whole families (`probe_ssl_last_chain_info`); anything else must still be the same.
   */
  readonly series?: readonly string[];
  /** Tocsin's HTTP status, where it is not blackbox_exporter's; then no series are compared. */
  readonly status?: number;
}
