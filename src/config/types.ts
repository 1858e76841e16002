import type { Secret } from '../domain/secret.ts';
import type { ConfigProblem } from './reading/problem.ts';
import type { AlertmanagerConfig } from './sections/alertmanagers.ts';
import type { AlertsConfig } from './sections/alerts.ts';
import type { EscalationConfig } from './sections/escalation.ts';
import type { HostConfig } from './sections/host.ts';
import type { MetricsConfig } from './sections/metrics.ts';
import type { ProbeEndpointConfig } from './sections/probe-endpoint.ts';
import type { SchedulerConfig } from './sections/scheduler.ts';
import type { ServerConfig } from './sections/server.ts';
import type { ConfiguredService } from './sections/services/services.ts';
import type { SinkConfig } from './sections/sinks.ts';
import type { StoreConfig } from './sections/store.ts';
import type { WatchdogConfig } from './sections/watchdogs.ts';
import type { WebhookConfig } from './sections/webhooks.ts';

export type { ConfigProblem } from './reading/problem.ts';
export type { AlertmanagerConfig } from './sections/alertmanagers.ts';
export type { HostConfig } from './sections/host.ts';
export type { MetricsConfig } from './sections/metrics.ts';
export type { SchedulerConfig } from './sections/scheduler.ts';
export type { Scope, ServerConfig, TokenConfig } from './sections/server.ts';
export type { ConfiguredService } from './sections/services/services.ts';
export type { SinkConfig } from './sections/sinks.ts';
export type { TargetsFile } from './sections/services/targets-file.ts';
export type { WatchdogConfig } from './sections/watchdogs.ts';
export type { HmacConfig, SenderConfig, WebhookConfig } from './sections/webhooks.ts';

/** The validated, frozen content of `tocsin.yml`. Times are milliseconds, sizes bytes. */
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
  /** Called while the alerting pipeline works. */
  readonly pingUrl: Secret | undefined;
  /** Enabled services only, in the order of the file. */
  readonly services: readonly ConfiguredService[];
  /** The file and the modules as YAML documents, secrets masked. */
  readonly redacted: () => string;
}

export type ConfigResult =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };
