import { z } from 'zod';
import type { ConfigContext } from './schema/context.ts';
import { exactlyOneOf, key, mapping } from './schema/mapping.ts';
import type { Key, Keys } from './schema/mapping.ts';
import { alertmanagerKeys } from './sections/alertmanagers.ts';
import { alertsKeys } from './sections/alerts.ts';
import { escalationKeys } from './sections/escalation.ts';
import { hostKeys } from './sections/host.ts';
import { metricsKeys } from './sections/metrics.ts';
import { probeEndpointKeys } from './sections/probe-endpoint.ts';
import { confirmKeys, schedulerKeys } from './sections/scheduler.ts';
import { serverSection } from './sections/server.ts';
import { serviceKeys } from './sections/services/services.ts';
import { exactlyOneSink, sinkKeys } from './sections/sinks.ts';
import { storeKeys } from './sections/store.ts';
import { TARGET_KEYS, targetKeys } from './sections/services/targets.ts';
import { pingKeys, watchdogKeys } from './sections/watchdogs.ts';
import { webhookKeys } from './sections/webhooks.ts';

const section = (keys: Keys) => mapping(keys).prefault({});

/** Every key at the top of `tocsin.yml`, in the order of the reference. */
export const ROOT_KEYS = {
  server: (context) =>
    key('server', section(serverSection(context)), 'name, listener, access and limits of this server'),
  metrics: () => key('metrics', section(metricsKeys), 'limits of `/metrics`'),
  store: (context) =>
    key('store', section(storeKeys(context)), 'the ledger: events, alerts, history', { restart: true }),
  scheduler: () =>
    key('scheduler', section(schedulerKeys), 'defaults for services, and limits on concurrent runs'),
  confirm: () => key('confirm', section(confirmKeys), 'defaults for services'),
  host: (context) =>
    key('host', section(hostKeys(context)), "metrics of this machine, under node_exporter's names", {
      restart: true,
    }),
  probe_endpoint: (context) =>
    key(
      'probeEndpoint',
      section(probeEndpointKeys(context)),
      'the modules and the permitted targets of `/probe`',
    ),
  webhooks: (context) =>
    key('webhooks', z.array(mapping(webhookKeys(context))).optional(), 'the senders of alerts', {
      whenAbsent: 'one entry, `main`',
    }),
  alertmanagers: (context) =>
    key(
      'alertmanagers',
      z.array(mapping(alertmanagerKeys(context))).prefault([]),
      'queried each minute for their alerts; list all members of a cluster',
    ),
  alerts: () => key('alerts', section(alertsKeys), 'how episodes of alerts are distinguished'),
  escalation: () => key('escalation', section(escalationKeys), 'how long an alert may be unacknowledged'),
  watchdogs: () =>
    key(
      'watchdogs',
      z.array(mapping(watchdogKeys)).prefault([]),
      'alerts that always fire, so that their absence is detected; they are not counted as open alerts',
    ),
  ping_url: (context) => pingKeys(context).ping_url,
  ping_url_file: (context) => pingKeys(context).ping_url_file,
  sinks: (context) =>
    key(
      'sinks',
      z.array(mapping(sinkKeys(context)).meta(exactlyOneSink)).prefault([]),
      'where events are copied to',
    ),
  services: (context) =>
    key('services', z.array(serviceSchema(context)).prefault([]), 'the services to probe'),
} satisfies Readonly<Record<string, (context: ConfigContext) => Key>>;

/** The whole of `tocsin.yml` as one schema, to list its keys. */
export function rootSchema(context: ConfigContext): z.ZodType {
  return mapping(Object.fromEntries(Object.entries(ROOT_KEYS).map(([name, make]) => [name, make(context)])));
}

/** For describing the keys: no file is read, and what depends on the machine is left open. */
export function describingContext(parts: Pick<ConfigContext, 'probers' | 'collectors'>): ConfigContext {
  return { files: { resolve: (path) => path, read: () => '' }, hostname: '', ...parts };
}

function serviceSchema(context: ConfigContext): z.ZodType {
  const probers = context.probers.map((prober) => {
    const about = `settings of the [${prober.type}](probers/${prober.type}.md) prober`;
    return [prober.type, key(prober.type, prober.schema(context.files).optional(), about)] as const;
  });
  const keys = { ...serviceKeys, ...targetKeys(context), ...Object.fromEntries(probers) };
  const types = probers.map(([type]) => type);
  const choices = [exactlyOneOf(...TARGET_KEYS), ...(types.length > 0 ? [exactlyOneOf(...types)] : [])];
  return mapping(keys).meta({ allOf: choices });
}
