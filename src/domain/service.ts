/** One address of a service. */
export interface Target {
  /** As configured; may hold credentials, so it is never shown. */
  readonly address: string;
  /** The `target` label: the alias, or the address without credentials and query. */
  readonly label: string;
  /** The key of the per-host cap: a host name or address, or a socket's path. */
  readonly host: string;
  /** Its own labels, from a targets file: they take precedence over the service's. */
  readonly labels?: Readonly<Record<string, string>>;
  /** The address that is probed in place of the host name, where a service is probed at each address. */
  readonly pinnedAddress?: string;
}

/** How many results in a row change a state, and how soon a first failure is re-run. */
export interface ConfirmationRule {
  readonly failures: number;
  readonly successes: number;
  readonly retryIntervalMs: number;
}

/** The interval while a check is in that state; undefined keeps the service's own. */
export interface AdaptiveIntervals {
  readonly degradedMs?: number;
  readonly unhealthyMs?: number;
}

/** A thing watched, named in the configuration. */
export interface Service {
  readonly name: string;
  readonly description?: string;
  readonly critical: boolean;
  readonly group?: string;
  readonly priority: number;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** A success slower than this is `degraded`. */
  readonly degradedAfterMs?: number;
  readonly labels: Readonly<Record<string, string>>;
  /** The type of its prober, as the configuration spells it. */
  readonly prober: string;
  readonly targets: readonly Target[];
  readonly confirm: ConfirmationRule;
  readonly adaptive: AdaptiveIntervals;
  /** `address[:port]` of its own name servers; without them, this host resolves. */
  readonly resolver?: readonly string[];
  /** Whether each address of a name is a target of its own. */
  readonly allAddresses?: boolean;
}

export const CHECK_STATES = ['healthy', 'degraded', 'unhealthy', 'unknown'] as const;
export type CheckState = (typeof CHECK_STATES)[number];

/** The identity of a check: service and target. */
export function checkKey(service: string, targetLabel: string): string {
  return `${service}\u0000${targetLabel}`;
}

/** The labels of a check that are not Tocsin's: its target's take precedence over the service's. */
export function checkLabels(
  service: Pick<Service, 'labels'>,
  target: Target,
): Readonly<Record<string, string>> {
  return target.labels === undefined ? service.labels : { ...service.labels, ...target.labels };
}
