import { z } from 'zod';
import type { Secret } from '../../domain/secret.ts';
import type { TlsOptions } from '../../domain/tls.ts';
import { authorizationOf, authSettings } from '../../probes/http/auth/auth.ts';
import { tlsConnection } from '../../probes/net/tls/settings.ts';
import type { ConfigContext } from '../schema/context.ts';
import { key, readMapping } from '../schema/mapping.ts';
import { suggest } from '../reading/nearest.ts';
import type { Path } from '../yaml/path.ts';
import type { ConfigReader } from '../reading/reader.ts';
import { httpUrl, name } from '../schema/values.ts';
import { allDefined, oneOf, uniqueName } from './rules.ts';
import { asksForTls, withoutTls } from './sinks.ts';
import type { WebhookConfig } from './webhooks.ts';

/** The keys of an entry of `alertmanagers`. */
export const alertmanagerKeys = ({ files }: Pick<ConfigContext, 'files'>) => {
  const { basic_auth, authorization } = authSettings(files);
  return {
    name: key('name', name, 'shown in logs and metrics'),
    url: key('url', httpUrl, 'its address, with its path prefix where it has one'),
    webhook: key(
      'webhook',
      z.string().meta({ title: 'name' }).optional(),
      'the entry of `webhooks` that it posts to',
      { whenAbsent: 'the only one' },
    ),
    receivers: key(
      'receivers',
      z
        .array(z.string().min(1).meta({ title: 'name' }))
        .min(1)
        .optional(),
      'its receivers that post to that entry; needed only where [they cannot be discovered](webhook.md#reconciliation)',
      { whenAbsent: 'discovered' },
    ),
    basic_auth: key('basicAuth', basic_auth, 'the user and password of Tocsin'),
    authorization: key('authorization', authorization, 'the header `Authorization`, instead of `basic_auth`'),
    tls_config: key(
      'tls',
      tlsConnection(files).optional(),
      'the TLS settings, for `https://`; files are read when the configuration is loaded',
    ),
  };
};

/** An Alertmanager that is asked for its alerts. */
export interface AlertmanagerConfig {
  readonly name: string;
  readonly url: string;
  /** The entry of `webhooks` that it posts to. */
  readonly webhook: string;
  /** Its receivers that post to the webhook; undefined: as its own configuration and its deliveries show. */
  readonly receivers?: readonly string[];
  /** A ready `Authorization` header. */
  readonly authorization?: Secret;
  /** Undefined: Node's own. */
  readonly tls?: TlsOptions;
}

/** Reads `alertmanagers`; undefined when one of them is invalid. */
export function readAlertmanagers(
  reader: ConfigReader,
  context: ConfigContext,
  webhooks: readonly WebhookConfig[] | undefined,
): readonly AlertmanagerConfig[] | undefined {
  const keys = alertmanagerKeys(context);
  const names = new Set<string>();
  const known = webhooks?.map((one) => one.name);
  const list = reader.items(['alertmanagers']).map((path): AlertmanagerConfig | undefined => {
    const { whole, partial } = readMapping(reader, keys, path);
    uniqueName(reader, path, partial.name, names);
    if (reader.has([...path, 'basic_auth']) && reader.has([...path, 'authorization']))
      oneOf(reader, path, ['basic_auth', 'authorization']);
    const webhook = webhookOf(reader, path, partial.webhook, known);
    if (partial.tls !== undefined && partial.url !== undefined && !asksForTls(partial.url))
      reader.report([...path, 'tls_config'], withoutTls('https://'));
    if (whole === undefined || webhook === undefined) return undefined;
    const { basicAuth, authorization: scheme, ...rest } = whole;
    const authorization = authorizationOf({ basic_auth: basicAuth, authorization: scheme });
    return { ...rest, webhook, ...(authorization && { authorization }) };
  });
  return allDefined(list);
}

/** The entry of `webhooks` that an Alertmanager posts to: the one it names, else the only one. */
function webhookOf(
  reader: ConfigReader,
  path: Path,
  given: string | undefined,
  known: readonly string[] | undefined,
): string | undefined {
  const [sole, ...others] = known ?? [];
  const webhook = given ?? (others.length === 0 ? sole : undefined);
  if (known === undefined) return webhook;
  if (webhook === undefined) reader.report(path, 'missing webhook: the entry of webhooks that it posts to');
  else if (!known.includes(webhook))
    reader.report(
      [...path, 'webhook'],
      `unknown webhook "${webhook}"; ${suggest(webhook, known, 'webhooks')}`,
    );
  return webhook;
}
