import type { NetworkSet } from '../domain/network.ts';
import type { Secret } from '../domain/secret.ts';
import type { Confirm, Adaptive, Service } from '../domain/service.ts';
import type { Probe } from '../probes/prober.ts';

export const SCOPES = ['read', 'metrics', 'ack', 'heartbeat', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

export interface TokenConfig {
  readonly name: string;
  readonly token: Secret;
  readonly scopes: readonly Scope[];
}

export interface ServerConfig {
  readonly node: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly lifecycle: boolean;
  readonly maxBodyBytes: number;
  readonly maxConnections: number;
  readonly maxHeaderBytes: number;
  readonly headerTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly keepAliveMs: number;
  readonly trustedProxies: NetworkSet;
  /** Empty: reads are open, mutations come from loopback only. */
  readonly tokens: readonly TokenConfig[];
}

export interface MetricsConfig {
  readonly rateLimit: { readonly perSecond: number; readonly burst: number };
  readonly trusted: NetworkSet;
  readonly maxInFlight: number;
  readonly compression: boolean;
}

export interface StoreConfig {
  /** Absolute path of the ledger's file. */
  readonly path: string;
  readonly historyMs: number;
  readonly eventsMs: number;
}

export interface SchedulerConfig {
  readonly maxConcurrency: number;
  readonly maxPerHost: number;
}

export interface HostConfig {
  readonly enabled: boolean;
  readonly procfs: string;
  readonly rootfs: string;
  readonly disabledCollectors: readonly string[];
}

export interface WebhookConfig {
  readonly name: string;
  /** Live tokens; none: loopback only. */
  readonly tokens: readonly Secret[];
}

export interface AlertsConfig {
  readonly sameStartToleranceMs: number;
}

/** A service, defaults filled in, with its prober's settings bound. */
export interface ConfiguredService extends Service {
  readonly probe: Probe;
}

/** Everything `tocsin.yml` says, validated and frozen. Times are milliseconds, sizes bytes. */
export interface Config {
  /** Absolute path; undefined when built-in defaults are used. */
  readonly file: string | undefined;
  readonly server: ServerConfig;
  readonly metrics: MetricsConfig;
  readonly store: StoreConfig;
  readonly scheduler: SchedulerConfig;
  readonly host: HostConfig;
  readonly webhooks: readonly WebhookConfig[];
  readonly alerts: AlertsConfig;
  /** Enabled services only, in the order of the file. */
  readonly services: readonly ConfiguredService[];
}

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

export type ConfigResult =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

export type { Adaptive, Confirm };
