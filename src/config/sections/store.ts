import type { ConfigContext } from '../schema/context.ts';
import { key, mapping } from '../schema/mapping.ts';
import type { Values } from '../schema/mapping.ts';
import { pathIn, retention } from '../schema/values.ts';

const retentionKeys = {
  history: key(
    'historyMs',
    retention.prefault('30d'),
    'results of runs in steps of five minutes (single runs are kept for two days), and deliveries',
  ),
  events: key(
    'eventsMs',
    retention.prefault('400d'),
    'events, closed alerts, and results of runs in steps of an hour',
  ),
};

/** The keys of `store`. */
export const storeKeys = ({ files }: Pick<ConfigContext, 'files'>) => ({
  path: key('path', pathIn(files).prefault('./data/tocsin.db'), 'its file; missing folders are created'),
  retention: key(
    'retention',
    mapping(retentionKeys).prefault({}),
    'how long data is kept; from 1 minute to 100 years',
  ),
});

export type StoreConfig = Values<ReturnType<typeof storeKeys>>;
