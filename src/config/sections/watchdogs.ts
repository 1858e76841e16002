import { z } from 'zod';
import type { Secret } from '../../domain/secret.ts';
import { secret, secretFile } from '../../settings/values.ts';
import type { ConfigContext } from '../schema/context.ts';
import { key, readMapping } from '../schema/mapping.ts';
import type { Values } from '../schema/mapping.ts';
import type { ConfigReader } from '../reading/reader.ts';
import { name, secretUrl, timer } from '../schema/values.ts';
import { allDefined, oneOf, uniqueName } from './rules.ts';

const match = z
  .record(z.string().min(1), z.string().min(1).meta({ description: 'the value of the label' }))
  .refine((labels) => Object.keys(labels).length > 0, {
    error: 'expected at least one label, such as alertname: Watchdog',
  })
  .meta({ title: 'mapping of labels' });

/** The keys of an entry of `watchdogs`: an alert that always fires, and how often it has to be received. */
export const watchdogKeys = {
  name: key('name', name, 'subject of `tocsin.watchdog.lost` and `.restored`'),
  match: key('match', match, 'the labels and values of its alert; all of them must match'),
  expect_every: key(
    'expectEveryMs',
    timer,
    'the longest time between two deliveries of it; at least three times how often it is sent, `3m` with the shipped routes',
  ),
};

export type WatchdogConfig = Values<typeof watchdogKeys>;

/** The keys of the dead man's switch; at most one of them is given. */
export const pingKeys = ({ files }: Pick<ConfigContext, 'files'>) => ({
  ping_url: key(
    'pingUrl',
    secretUrl(secret).meta({ title: 'secret URL' }).optional(),
    'called (GET) twice in the shortest `expect_every` and at least every minute, while every watchdog is received in time and the ledger commits',
  ),
  ping_url_file: key(
    'pingUrlFile',
    secretUrl(secretFile(files)).optional(),
    'the file that holds it, instead of `ping_url`',
  ),
});

/** Reads `watchdogs`; undefined when one of them is invalid. */
export function readWatchdogs(reader: ConfigReader): readonly WatchdogConfig[] | undefined {
  const names = new Set<string>();
  const list = reader.items(['watchdogs']).map((path) => {
    const { whole, partial } = readMapping(reader, watchdogKeys, path);
    uniqueName(reader, path, partial.name, names);
    return whole;
  });
  return allDefined(list);
}

/** Reads `ping_url` or its file; undefined when it is invalid. */
export function readPing(
  reader: ConfigReader,
  context: ConfigContext,
): { readonly url: Secret | undefined } | undefined {
  const keys = pingKeys(context);
  const given = (['ping_url', 'ping_url_file'] as const).filter((name) => reader.has([name]));
  if (given.length === 2) oneOf(reader, [], ['ping_url', 'ping_url_file']);
  const values = given.map((name) => reader.value(keys[name].schema, [name]));
  if (values.length === 0) return { url: undefined };
  const [url] = values;
  return url === undefined || values.length > 1 ? undefined : { url: url.value };
}
