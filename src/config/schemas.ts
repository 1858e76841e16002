import { z } from 'zod';
import { authSettings } from '../probes/http/auth.ts';
import { tlsConnection } from '../probes/net/tls-settings.ts';
import { secret, secretFile, size } from '../probes/settings.ts';
import type { ConfigFiles } from '../probes/settings.ts';
import { suggest } from './nearest.ts';
import { sinkSchema } from './sink-settings.ts';
import { SCOPES } from './types.ts';
import {
  allowEntry,
  httpUrl,
  interval,
  listenAddress,
  name,
  nameServer,
  networks,
  retention,
  secretUrl,
  text,
  timer,
  token,
  tokenFile,
  tolerance,
} from './values.ts';

const count = z.int().min(1);
const positiveSize = size.refine((bytes) => bytes > 0, { error: 'expected a size of more than 0' });

const server = {
  node: text
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, { error: 'expected a name of letters, digits, ".", "-" and "_"' })
    .optional(),
  listen: listenAddress.prefault('127.0.0.1:10464'),
  lifecycle: z.boolean().prefault(false),
  max_body: positiveSize.prefault('64MiB'),
  max_connections: count.prefault(1024),
  max_connections_per_address: count.prefault(64),
  max_reads: count.prefault(64),
  max_reads_per_address: count.prefault(16),
  max_header_size: positiveSize.prefault('16KiB'),
  header_timeout: timer.prefault('10s'),
  request_timeout: timer.prefault('60s'),
  keep_alive: timer.prefault('310s'),
  trusted_proxies: networks.prefault([]),
};

const metrics = {
  rate_limit: z
    .strictObject({ per_second: z.number().gt(0).prefault(10), burst: count.prefault(20) })
    .prefault({}),
  trusted: networks.prefault([]),
  max_in_flight: count.prefault(40),
  max_unsent: positiveSize.prefault('64MiB'),
  max_series: count.prefault(1_000_000),
  max_series_per_family: count.prefault(250_000),
  histograms: z.enum(['classic', 'both']).prefault('classic'),
  compression: z.boolean().prefault(true),
};

const scheduler = {
  interval: interval.prefault('30s'),
  timeout: timer.prefault('10s'),
  max_concurrency: count.prefault(128),
  max_per_host: count.prefault(8),
  adaptive: z
    .union([
      z.literal(false),
      z.strictObject({ degraded: interval.prefault('15s'), unhealthy: interval.prefault('5s') }),
    ])
    .prefault({}),
};

const confirm = {
  failures: count.prefault(2),
  successes: count.prefault(1),
  retry_interval: timer.prefault('2s'),
};

const headerName = z
  .string()
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, { error: 'expected the name of an HTTP header' })
  .transform((given) => given.toLowerCase());

const webhook = (files: ConfigFiles) => ({
  name,
  tokens: z.array(token).min(1).optional(),
  token_files: z.array(tokenFile(files)).min(1).optional(),
  hmac: z
    .strictObject({
      secret: token.optional(),
      secret_file: tokenFile(files).optional(),
      header: headerName.prefault('X-Grafana-Alerting-Signature'),
      timestamp_header: headerName.optional(),
    })
    .optional(),
  alertmanager: z
    .strictObject({
      peers: count.prefault(1),
      peer_timeout: timer.prefault('15s'),
      group_interval: interval.prefault('5m'),
      repeat_interval: interval.prefault('4h'),
      warm_up: timer.prefault('5m'),
    })
    .optional(),
});

const alertmanager = (files: ConfigFiles) => {
  const { basic_auth, authorization } = authSettings(files);
  const tls_config = tlsConnection(files).optional();
  const receivers = z.array(z.string().min(1)).min(1).optional();
  return {
    name,
    url: httpUrl,
    webhook: z.string().optional(),
    receivers,
    basic_auth,
    authorization,
    tls_config,
  };
};

/** What an alert has to carry to be a watchdog. */
const match = z
  .record(z.string().min(1), z.string().min(1))
  .refine((labels) => Object.keys(labels).length > 0, {
    error: 'expected at least one label, such as alertname: Watchdog',
  });

const watchdog = { name, match, expect_every: timer };

/** How long nobody may have an alert before it goes to the second, and to the third level. */
const levels = z
  .array(timer)
  .max(2, { error: 'expected at most two durations: for the second and for the third level' })
  .refine((given) => given.every((ms, i) => i === 0 || ms > (given[i - 1] ?? 0)), {
    error: 'expected durations that grow from level to level',
  });

const escalation = { critical: levels.prefault(['5m', '15m']), warning: levels.prefault(['15m']) };
/** Of one service: a severity that is left out is inherited. */
const ownEscalation = { critical: levels.optional(), warning: levels.optional() };

const accessToken = (files: ConfigFiles) => ({
  name,
  token: token.optional(),
  token_file: tokenFile(files).optional(),
  scopes: z.array(z.enum(SCOPES)).min(1),
});

const service = {
  name,
  description: text.optional(),
  enabled: z.boolean().prefault(true),
  critical: z.boolean().prefault(false),
  group: text.optional(),
  priority: z.int().min(0).prefault(1),
  interval: interval.optional(),
  timeout: timer.optional(),
  degraded_after: timer.optional(),
  labels: z.record(z.string(), z.string()).prefault({}),
  resolver: z.array(nameServer).min(1).optional(),
  all_addresses: z.boolean().prefault(false),
  confirm: z
    .strictObject({
      failures: count.optional(),
      successes: count.optional(),
      retry_interval: timer.optional(),
    })
    .prefault({}),
  adaptive: z
    .union([
      z.literal(false),
      z.strictObject({ degraded: interval.optional(), unhealthy: interval.optional() }),
    ])
    .optional(),
  escalation: z.strictObject(ownEscalation).prefault({}),
};

/** One address: text, or a mapping that gives it a name. */
const target = z
  .union([z.string().min(1), z.strictObject({ address: z.string().min(1), alias: text.optional() })])
  .transform((given) => (typeof given === 'string' ? { address: given } : given));

/** The schemas of every mapping of `tocsin.yml`, but for the settings of probers. */
export function configSchemas(files: ConfigFiles, collectors: readonly string[]) {
  const collector = z.string().refine((given) => collectors.includes(given), {
    error: ({ input }) =>
      `unknown collector "${String(input)}"; ${suggest(String(input), collectors, 'collectors')}`,
  });
  const path = z
    .string()
    .min(1)
    .transform((given) => files.resolve(given));
  return {
    server,
    accessToken: accessToken(files),
    metrics,
    store: {
      path: path.prefault('./data/tocsin.db'),
      retention: z
        .strictObject({ history: retention.prefault('30d'), events: retention.prefault('400d') })
        .prefault({}),
    },
    scheduler,
    confirm,
    host: {
      enabled: z.boolean().prefault(true),
      procfs: path.prefault('/proc'),
      sysfs: path.prefault('/sys'),
      rootfs: path.prefault('/'),
      textfile: z.array(path).prefault([]),
      collectors: z.strictObject({ disable: z.array(collector).prefault([]) }).prefault({}),
    },
    probeEndpoint: {
      modules_file: path.optional(),
      allow: z.array(allowEntry).prefault([]),
      max_concurrency: count.prefault(512),
    },
    webhook: webhook(files),
    alerts: {
      same_start_tolerance: tolerance.prefault('60s'),
      stale_hold: timer.prefault('6m'),
      expire_after: retention.prefault('24h'),
    },
    sink: sinkSchema(files),
    alertmanager: alertmanager(files),
    watchdog,
    escalation,
    pingUrl: secretUrl(secret),
    pingUrlFile: secretUrl(secretFile(files)),
    service,
    target,
    targetsFile: path,
  };
}

export type ConfigSchemas = ReturnType<typeof configSchemas>;

/** The whole of `tocsin.yml` as one schema, for whoever asks which keys there are. */
export function rootSchema(schemas: ConfigSchemas) {
  const { server: serverShape, accessToken: tokenShape, service: serviceShape, target: one } = schemas;
  return z.strictObject({
    server: z.strictObject({ ...serverShape, tokens: z.array(z.strictObject(tokenShape)).prefault([]) }),
    metrics: z.strictObject(schemas.metrics),
    store: z.strictObject(schemas.store),
    scheduler: z.strictObject(schemas.scheduler),
    confirm: z.strictObject(schemas.confirm),
    host: z.strictObject(schemas.host),
    probe_endpoint: z.strictObject(schemas.probeEndpoint),
    webhooks: z.array(z.strictObject(schemas.webhook)).optional(),
    alertmanagers: z.array(z.strictObject(schemas.alertmanager)).prefault([]),
    alerts: z.strictObject(schemas.alerts),
    sinks: z.array(z.strictObject(schemas.sink)).prefault([]),
    escalation: z.strictObject(schemas.escalation),
    watchdogs: z.array(z.strictObject(schemas.watchdog)).prefault([]),
    ping_url: schemas.pingUrl.optional(),
    ping_url_file: schemas.pingUrlFile.optional(),
    services: z
      .array(
        z.strictObject({
          ...serviceShape,
          target: one.optional(),
          targets: z.array(one).optional(),
          targets_file: schemas.targetsFile.optional(),
        }),
      )
      .prefault([]),
  });
}
