import { z } from 'zod';
import type { Secret } from '../../domain/secret.ts';
import type { ConfigContext } from '../schema/context.ts';
import { key, mapping, exactlyOneOf, readMapping } from '../schema/mapping.ts';
import type { Values } from '../schema/mapping.ts';
import type { Path } from '../yaml/path.ts';
import type { ConfigReader } from '../reading/reader.ts';
import { count, interval, name, timer, token, tokenFile } from '../schema/values.ts';
import { allDefined, oneOf, requireUniqueSecret, uniqueName } from './rules.ts';
import type { SecretUses } from './rules.ts';

const headerName = z
  .string()
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, { error: 'expected the name of an HTTP header' })
  .transform((given) => given.toLowerCase());

const hmacKeys = ({ files }: Pick<ConfigContext, 'files'>) => ({
  secret: key('secret', token.optional(), 'the shared secret'),
  secret_file: key('secretFile', tokenFile(files).optional(), 'the file that holds it, instead of `secret`'),
  header: key(
    'header',
    headerName.prefault('X-Grafana-Alerting-Signature'),
    'the header that carries the signature',
  ),
  timestamp_header: key(
    'timestampHeader',
    headerName.optional(),
    'the header that carries the time that is signed with the body; a difference of more than 300 s is rejected. Without it deliveries [can be replayed](webhook.md#pointing-grafana-at-it)',
  ),
});

const senderKeys = {
  peers: key(
    'peers',
    count.prefault(1),
    'members of its cluster; with one, its receivers are distinguished by name and group, not by the address they send from',
  ),
  peer_timeout: key('peerTimeoutMs', timer.prefault('15s'), 'its `--cluster.peer-timeout`'),
  group_interval: key('groupIntervalMs', interval.prefault('5m'), 'the longest of its routes'),
  repeat_interval: key('repeatIntervalMs', interval.prefault('4h'), 'the longest of its routes'),
  warm_up: key(
    'warmUpMs',
    timer.prefault('5m'),
    "how long after its start its list may lack alerts that fire: Prometheus's `--rules.alert.resend-delay` (1m) plus the longest interval of a rule group",
  ),
};

/** The keys of an entry of `webhooks`. */
export const webhookKeys = (context: Pick<ConfigContext, 'files'>) => ({
  name: key('name', name, 'part of the URL; alerts of different entries are kept separate'),
  tokens: key(
    'tokens',
    z.array(token).min(1).optional(),
    'valid bearer tokens; several, so that they can be rotated without a gap. Also accepted as the password of basic auth',
  ),
  token_files: key(
    'tokenFiles',
    z.array(tokenFile(context.files)).min(1).optional(),
    'the files that hold them, instead of `tokens`',
  ),
  hmac: key(
    'hmac',
    mapping(hmacKeys(context)).meta(exactlyOneOf('secret', 'secret_file')).optional(),
    'how Grafana signs what it sends; every delivery to the entry needs it, at either address. With tokens both are needed, without them the signature is enough',
  ),
  alertmanager: key(
    'alertmanager',
    mapping(senderKeys).optional(),
    'the settings of the sender; they decide how long a stale repeat can be, and when silence is too long',
  ),
});

type GivenHmac = Values<ReturnType<typeof hmacKeys>>;

/** How Grafana signs its deliveries; names of headers in lower case. */
export interface HmacConfig extends Omit<GivenHmac, 'secret' | 'secretFile'> {
  readonly secret: Secret;
}

export type SenderConfig = Values<typeof senderKeys>;

export interface WebhookConfig {
  readonly name: string;
  /** Valid tokens; empty: loopback only. */
  readonly tokens: readonly Secret[];
  readonly hmac?: HmacConfig;
  /** The settings of the sending Alertmanager. */
  readonly alertmanager?: SenderConfig;
}

/** Reads `webhooks`; without the list there is one entry, `main`. Undefined when one of them is invalid. */
export function readWebhooks(
  reader: ConfigReader,
  context: ConfigContext,
): readonly WebhookConfig[] | undefined {
  if (!reader.has(['webhooks'])) return [{ name: 'main', tokens: [] }];
  const keys = webhookKeys(context);
  const names = new Set<string>();
  const uses: SecretUses = new Map();
  checkUnnamed(reader);
  const webhooks = reader.items(['webhooks']).map((path): WebhookConfig | undefined => {
    const { whole, partial } = readMapping(reader, keys, path);
    uniqueName(reader, path, partial.name, names);
    if (['tokens', 'token_files'].every((key) => reader.has([...path, key])))
      oneOf(reader, path, ['tokens', 'token_files']);
    const use = `webhook ${partial.name ?? ''}`;
    for (const [list, given] of [
      ['tokens', partial.tokens],
      ['token_files', partial.tokenFiles],
    ] as const)
      for (const [index, secret] of (given ?? []).entries())
        requireUniqueSecret({ reader, uses, use }, secret, [...path, list, index]);
    const hmac = readHmac(reader, { path, uses }, partial);
    if (whole === undefined || (whole.hmac !== undefined && hmac === undefined)) return undefined;
    return {
      name: whole.name,
      tokens: whole.tokens ?? whole.tokenFiles ?? [],
      ...(hmac && { hmac }),
      ...(whole.alertmanager && { alertmanager: whole.alertmanager }),
    };
  });
  return allDefined(webhooks);
}

/** A delivery to the path without a name goes to the entry whose token it carries, else to the one that needs none. */
function checkUnnamed(reader: ConfigReader): void {
  const keys = ['tokens', 'token_files', 'hmac'];
  const open = reader.items(['webhooks']).filter((path) => !keys.some((key) => reader.has([...path, key])));
  for (const path of open.slice(1)) {
    reader.report(
      path,
      'an earlier entry has no tokens either, so a delivery to a path without a name could be for either; give all entries but one tokens or token_files',
    );
  }
}

function readHmac(
  reader: ConfigReader,
  { path, uses }: { readonly path: Path; readonly uses: SecretUses },
  { name, hmac }: { readonly name?: string | undefined; readonly hmac?: GivenHmac | undefined },
): HmacConfig | undefined {
  if (hmac === undefined) return undefined;
  const given = oneOf(reader, [...path, 'hmac'], ['secret', 'secret_file']);
  const { secret: inline, secretFile, ...headers } = hmac;
  const secret = inline ?? secretFile;
  if (given === undefined || secret === undefined) return undefined;
  const use = `the signatures of ${name ?? ''}`;
  requireUniqueSecret({ reader, uses, use }, secret, [...path, 'hmac', given]);
  return { secret, ...headers };
}
