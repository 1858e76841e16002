import { isLoopback } from '../domain/network.ts';
import type { Secret } from '../domain/secret.ts';
import type { Path } from './path.ts';
import type { Reader } from './reader.ts';
import type { ConfigSchemas } from './schemas.ts';
import type { HmacConfig, SenderConfig, ServerConfig, TokenConfig, WebhookConfig } from './types.ts';

/** What each secret was first given for, by its text: one that opens two doors cannot tell which was meant. */
type Doors = Map<string, string>;

/** Reads `server.tokens`; undefined when one of them is wrong. */
export function readTokens(reader: Reader, schemas: ConfigSchemas): readonly TokenConfig[] | undefined {
  const names = new Set<string>();
  const doors: Doors = new Map();
  const tokens = reader.items(['server', 'tokens']).map((path): TokenConfig | undefined => {
    const { whole, partial } = reader.section(schemas.accessToken, path);
    uniqueName(reader, path, partial.name, names);
    const given = oneOf(reader, path, ['token', 'token_file']);
    const token = partial.token ?? partial.token_file;
    if (given === undefined || token === undefined) return undefined;
    onlyDoor({ reader, doors, door: `token ${partial.name ?? ''}` }, token, [...path, given]);
    return whole === undefined ? undefined : { name: whole.name, token, scopes: [...new Set(whole.scopes)] };
  });
  return complete(tokens);
}

/** Reads `webhooks`; without the list there is one entry, `main`. Undefined when one of them is wrong. */
export function readWebhooks(reader: Reader, schemas: ConfigSchemas): readonly WebhookConfig[] | undefined {
  if (!reader.has(['webhooks'])) return [{ name: 'main', tokens: [] }];
  const names = new Set<string>();
  const doors: Doors = new Map();
  checkUnnamed(reader);
  const webhooks = reader.items(['webhooks']).map((path): WebhookConfig | undefined => {
    const { whole, partial } = reader.section(schemas.webhook, path);
    uniqueName(reader, path, partial.name, names);
    const lists = ['tokens', 'token_files'] as const;
    if (lists.every((key) => reader.has([...path, key]))) oneOf(reader, path, lists);
    for (const key of lists) {
      for (const [index, token] of (partial[key] ?? []).entries()) {
        onlyDoor({ reader, doors, door: `webhook ${partial.name ?? ''}` }, token, [...path, key, index]);
      }
    }
    const hmac = readHmac(reader, { path, doors }, partial);
    if (whole === undefined || (whole.hmac !== undefined && hmac === undefined)) return undefined;
    return {
      name: whole.name,
      tokens: whole.tokens ?? whole.token_files ?? [],
      ...(hmac && { hmac }),
      ...(whole.alertmanager && { alertmanager: senderOf(whole.alertmanager) }),
    };
  });
  return complete(webhooks);
}

/** A delivery to a path without a name goes to the entry whose token it carries, else to the one that needs none. */
function checkUnnamed(reader: Reader): void {
  const keys = ['tokens', 'token_files', 'hmac'];
  const open = reader.items(['webhooks']).filter((path) => !keys.some((key) => reader.has([...path, key])));
  for (const path of open.slice(1)) {
    reader.report(
      path,
      'an earlier entry has no tokens either, so a delivery to a path without a name could be meant for both; give all entries but one tokens or token_files',
    );
  }
}

interface GivenHmac {
  readonly secret?: Secret | undefined;
  readonly secret_file?: Secret | undefined;
  readonly header: string;
  readonly timestamp_header?: string | undefined;
}

function readHmac(
  reader: Reader,
  { path, doors }: { readonly path: Path; readonly doors: Doors },
  { name, hmac }: { readonly name?: string | undefined; readonly hmac?: GivenHmac | undefined },
): HmacConfig | undefined {
  if (hmac === undefined) return undefined;
  const given = oneOf(reader, [...path, 'hmac'], ['secret', 'secret_file']);
  const secret = hmac.secret ?? hmac.secret_file;
  if (given === undefined || secret === undefined) return undefined;
  onlyDoor({ reader, doors, door: `the signatures of ${name ?? ''}` }, secret, [...path, 'hmac', given]);
  const { header, timestamp_header: timestampHeader } = hmac;
  return { secret, header, ...(timestampHeader !== undefined && { timestampHeader }) };
}

function senderOf(given: {
  readonly peers: number;
  readonly peer_timeout: number;
  readonly group_interval: number;
  readonly repeat_interval: number;
  readonly warm_up: number;
}): SenderConfig {
  return {
    peers: given.peers,
    peerTimeoutMs: given.peer_timeout,
    groupIntervalMs: given.group_interval,
    repeatIntervalMs: given.repeat_interval,
    warmUpMs: given.warm_up,
  };
}

interface AccessRules {
  readonly listen: ServerConfig['listen'] | undefined;
  readonly lifecycle: boolean | undefined;
  readonly tokens: readonly TokenConfig[] | undefined;
}

/**
 * Off loopback everybody can knock: each webhook then needs a token. And where reloading over HTTP is turned on, there
 * has to be somebody who may do it.
 */
export function checkAccess(reader: Reader, { listen, lifecycle, tokens }: AccessRules): void {
  const open = listen === undefined || isLoopback(listen.host) ? undefined : addressOf(listen);
  if (open !== undefined) {
    for (const path of reader.items(['webhooks'])) {
      if (['tokens', 'token_files', 'hmac'].some((key) => reader.has([...path, key]))) continue;
      reader.report(
        path,
        `Tocsin listens on ${open}, off loopback, so a webhook needs tokens or token_files`,
      );
    }
  }
  if (lifecycle !== true || tokens?.some((token) => token.scopes.includes('admin')) !== false) return;
  if (tokens.length === 0 && open === undefined) return;
  const why = open === undefined ? 'tokens are configured' : `Tocsin listens on ${open}, off loopback`;
  reader.report(
    ['server', 'lifecycle'],
    `${why}, so POST /-/reload needs a token with the scope admin; add one, or set false`,
  );
}

function addressOf({ host, port }: ServerConfig['listen']): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Tells when none or both of a pair of keys are given; otherwise the one that is. */
export function oneOf(
  reader: Reader,
  path: Path,
  [first, second]: readonly [string, string],
): string | undefined {
  const given = [first, second].filter((key) => reader.has([...path, key]));
  if (given.length === 1) return given[0];
  if (given.length === 2)
    reader.report([...path, second], `give either ${first} or ${second}, not both`, 'key');
  else reader.report(path, `missing ${first} or ${second}`);
  return undefined;
}

/** Tells a name that an earlier entry of the list has. */
export function uniqueName(reader: Reader, path: Path, name: string | undefined, seen: Set<string>): void {
  if (name === undefined) return;
  if (seen.has(name))
    reader.report([...path, 'name'], `the name "${name}" is taken by an earlier entry; names must differ`);
  seen.add(name);
}

function onlyDoor(
  { reader, doors, door }: { reader: Reader; doors: Doors; door: string },
  token: Secret,
  path: Path,
): void {
  const other = doors.get(token.reveal());
  if (other === undefined) doors.set(token.reveal(), door);
  else if (other !== door) reader.report(path, `the same secret as that of ${other}; each needs its own`);
}

export function complete<T>(list: readonly (T | undefined)[]): readonly T[] | undefined {
  const whole = list.filter((item) => item !== undefined);
  return whole.length === list.length ? whole : undefined;
}
