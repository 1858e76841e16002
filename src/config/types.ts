import type { AllowList } from '../domain/allow-list.ts';
import type { NetworkSet } from '../domain/network.ts';
import type { Secret } from '../domain/secret.ts';
import type { Confirm, Adaptive, Service, Target } from '../domain/service.ts';
import type { TlsOptions } from '../domain/tls.ts';
import type { ProbeModule } from '../probes/module.ts';
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
  readonly maxConnectionsPerAddress: number;
  readonly maxReads: number;
  readonly maxReadsPerAddress: number;
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
  readonly maxUnsentBytes: number;
  readonly maxSeries: number;
  readonly maxSeriesPerFamily: number;
  /** `both` adds native histograms in the protobuf format. */
  readonly histograms: 'classic' | 'both';
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
  readonly sysfs: string;
  readonly rootfs: string;
  /** Absolute paths of folders, or patterns that match such. */
  readonly textfile: readonly string[];
  readonly disabledCollectors: readonly string[];
}

/** Something in a modules file that is loaded, and will not do what it was meant to. */
export interface ModuleNotice extends ConfigProblem {
  /** Whether each run of the module fails, with the reason `config`. */
  readonly alwaysFails: boolean;
}

/** `/probe`: what may be asked of it, and about whom. */
export interface ProbeEndpointConfig {
  /** Absolute path of blackbox_exporter's file; undefined: its default modules. */
  readonly modulesFile: string | undefined;
  readonly modules: () => ReadonlyMap<string, ProbeModule>;
  /** What blackbox_exporter loads although it cannot work. */
  readonly notices: readonly ModuleNotice[];
  /** Empty: any target while Tocsin listens on loopback, else none. */
  readonly allow: AllowList;
  /** Runs at the same time; more are answered with 503. */
  readonly maxConcurrency: number;
}

export interface WebhookConfig {
  readonly name: string;
  /** Live tokens; none: loopback only. */
  readonly tokens: readonly Secret[];
  /** How Grafana signs its deliveries. */
  readonly hmac?: HmacConfig;
  /** What the sender is set to. */
  readonly alertmanager?: SenderConfig;
}

export interface HmacConfig {
  readonly secret: Secret;
  /** Names of headers, in lower case. */
  readonly header: string;
  readonly timestampHeader?: string;
}

export interface SenderConfig {
  /** Members of its cluster. */
  readonly peers: number;
  readonly peerTimeoutMs: number;
  readonly groupIntervalMs: number;
  readonly repeatIntervalMs: number;
  /** How long after its start it may not yet have been sent every alert. */
  readonly warmUpMs: number;
}

export interface AlertsConfig {
  readonly sameStartToleranceMs: number;
  /** How long a firing is held that may be late. */
  readonly staleHoldMs: number;
  /** When an open episode is given up of which nothing is heard. */
  readonly expireAfterMs: number;
}

/** Where events are copied to. */
export interface SinkConfig {
  readonly name: string;
  readonly to: RedisSinkConfig | HttpSinkConfig | { readonly type: 'log' };
}

export interface RedisSinkConfig {
  readonly type: 'redis';
  readonly host: string;
  readonly port: number;
  /** Undefined: without TLS. */
  readonly tls?: TlsOptions;
  readonly db: number;
  readonly username?: string;
  readonly password?: Secret;
  readonly stream: string;
  readonly maxLength: number;
  readonly timeoutMs: number;
}

export interface HttpSinkConfig {
  readonly type: 'http';
  readonly url: string;
  /** The `Authorization` header. */
  readonly authorization?: Secret;
  /** Undefined: Node's own. */
  readonly tls?: TlsOptions;
  readonly timeoutMs: number;
}

/** An Alertmanager that is asked which alerts it has. */
export interface AlertmanagerConfig {
  readonly name: string;
  readonly url: string;
  /** The entry of `webhooks` that it posts to. */
  readonly webhook: string;
  /** Which of its receivers post to it; undefined: what its own configuration and its deliveries show. */
  readonly receivers?: readonly string[];
  /** A ready `Authorization` header. */
  readonly authorization?: Secret;
  /** Undefined: Node's own. */
  readonly tls?: TlsOptions;
}

/** An alert that always fires, and how often it has to be heard. */
export interface WatchdogConfig {
  readonly name: string;
  readonly match: Readonly<Record<string, string>>;
  readonly expectEveryMs: number;
}

/** How long nobody may have an alert before it goes to the second, and to the third level, milliseconds. */
export interface EscalationConfig {
  readonly critical: readonly number[];
  readonly warning: readonly number[];
}

/** A service, defaults filled in, with its prober's settings bound. */
export interface ConfiguredService extends Service {
  readonly probe: Probe;
  /** Its own levels, for alerts that carry it as the label `service`; a severity that is absent is inherited. */
  readonly escalation: Partial<EscalationConfig>;
  /** Where its targets come from; `targets` is empty then. */
  readonly targetsFile?: TargetsFile;
}

/** A file of targets that may change at any time. */
export interface TargetsFile {
  /** Absolute path. */
  readonly path: string;
  /** Reads what it holds: every target, or every problem. */
  readonly parse: (text: string) => TargetsFileResult;
}

export type TargetsFileResult =
  | {
      readonly ok: true;
      readonly targets: readonly Target[];
      /** Labels that were left out. */
      readonly notices: readonly ConfigProblem[];
    }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** Everything `tocsin.yml` says, validated and frozen. Times are milliseconds, sizes bytes. */
export interface Config {
  /** Absolute path; undefined when built-in defaults are used. */
  readonly file: string | undefined;
  readonly server: ServerConfig;
  readonly metrics: MetricsConfig;
  readonly store: StoreConfig;
  readonly scheduler: SchedulerConfig;
  readonly host: HostConfig;
  readonly probeEndpoint: ProbeEndpointConfig;
  readonly webhooks: readonly WebhookConfig[];
  readonly alerts: AlertsConfig;
  readonly sinks: readonly SinkConfig[];
  readonly alertmanagers: readonly AlertmanagerConfig[];
  readonly escalation: EscalationConfig;
  readonly watchdogs: readonly WatchdogConfig[];
  /** Called while the way of the alerts is whole. */
  readonly pingUrl: Secret | undefined;
  /** Enabled services only, in the order of the file. */
  readonly services: readonly ConfiguredService[];
  /** The file and the modules as YAML documents, secrets masked. */
  readonly shown: () => string;
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
