import { authorizationOf } from '../probes/http/auth.ts';
import { complete, oneOf, uniqueName } from './access.ts';
import { suggest } from './nearest.ts';
import type { Reader } from './reader.ts';
import type { ConfigSchemas } from './schemas.ts';
import { asksForTls, withoutTls } from './sink-settings.ts';
import type { AlertmanagerConfig, Config, WatchdogConfig, WebhookConfig } from './types.ts';

type Pipeline = Pick<Config, 'alertmanagers' | 'escalation' | 'watchdogs' | 'pingUrl'>;

/** Reads what watches over the way of the alerts; undefined when something of it is wrong. */
export function readPipeline(
  reader: Reader,
  schemas: ConfigSchemas,
  webhooks: readonly WebhookConfig[] | undefined,
): Pipeline | undefined {
  const alertmanagers = readAlertmanagers(reader, schemas, webhooks);
  const escalation = reader.section(schemas.escalation, ['escalation']).whole;
  const watchdogs = readWatchdogs(reader, schemas);
  const ping = readPing(reader, schemas);
  if (!alertmanagers || !escalation || !watchdogs || !ping) return undefined;
  return { alertmanagers, escalation, watchdogs, pingUrl: ping.url };
}

function readAlertmanagers(
  reader: Reader,
  schemas: ConfigSchemas,
  webhooks: readonly WebhookConfig[] | undefined,
): readonly AlertmanagerConfig[] | undefined {
  const names = new Set<string>();
  const known = webhooks?.map(({ name }) => name);
  const list = reader.items(['alertmanagers']).map((path): AlertmanagerConfig | undefined => {
    const { whole, partial } = reader.section(schemas.alertmanager, path);
    uniqueName(reader, path, partial.name, names);
    if (reader.has([...path, 'basic_auth']) && reader.has([...path, 'authorization']))
      oneOf(reader, path, ['basic_auth', 'authorization']);
    const [sole, ...others] = known ?? [];
    const webhook = partial.webhook ?? (others.length === 0 ? sole : undefined);
    if (known !== undefined && webhook === undefined)
      reader.report(path, 'missing webhook: the entry of webhooks that it posts to');
    else if (webhook !== undefined && known?.includes(webhook) === false)
      reader.report(
        [...path, 'webhook'],
        `unknown webhook "${webhook}"; ${suggest(webhook, known, 'webhooks')}`,
      );
    if (partial.tls_config !== undefined && partial.url !== undefined && !asksForTls(partial.url))
      reader.report([...path, 'tls_config'], withoutTls('https://'));
    if (whole === undefined || webhook === undefined) return undefined;
    const { name, url, receivers, tls_config: tls } = whole;
    const authorization = authorizationOf(whole);
    return {
      ...{ name, url, webhook },
      ...(receivers && { receivers }),
      ...(authorization && { authorization }),
      ...(tls && { tls }),
    };
  });
  return complete(list);
}

function readWatchdogs(reader: Reader, schemas: ConfigSchemas): readonly WatchdogConfig[] | undefined {
  const names = new Set<string>();
  const list = reader.items(['watchdogs']).map((path): WatchdogConfig | undefined => {
    const { whole, partial } = reader.section(schemas.watchdog, path);
    uniqueName(reader, path, partial.name, names);
    return whole && { name: whole.name, match: whole.match, expectEveryMs: whole.expect_every };
  });
  return complete(list);
}

/** Undefined when it is wrong. */
function readPing(reader: Reader, schemas: ConfigSchemas): { url: Config['pingUrl'] } | undefined {
  const given = (['ping_url', 'ping_url_file'] as const).filter((key) => reader.has([key]));
  if (given.length === 0) return { url: undefined };
  if (given.length === 2) oneOf(reader, [], ['ping_url', 'ping_url_file']);
  const values = given.map((key) =>
    reader.value(key === 'ping_url' ? schemas.pingUrl : schemas.pingUrlFile, [key]),
  );
  const [url] = values;
  return url === undefined || values.length > 1 ? undefined : { url: url.value };
}
