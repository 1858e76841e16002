import { defineFamily, type Family, type Sample } from '../../metrics/family.ts';
import { sample } from '../../metrics/family.ts';
import { infoNumber } from './info.ts';

export const REDIS_UP = defineFamily(
  'gauge',
  'redis_up',
  'Information about the Redis instance: 1 when it answered, 0 when it did not',
);
const MEMORY_USED = defineFamily(
  'gauge',
  'redis_memory_used_bytes',
  'Bytes allocated by Redis (INFO used_memory)',
);
const MEMORY_MAX = defineFamily(
  'gauge',
  'redis_memory_max_bytes',
  'Bytes that Redis may allocate, 0 without a limit (INFO maxmemory)',
);
const CONNECTED_CLIENTS = defineFamily(
  'gauge',
  'redis_connected_clients',
  'Client connections, replicas not counted (INFO connected_clients)',
);
const UPTIME = defineFamily(
  'gauge',
  'redis_uptime_in_seconds',
  'Seconds since Redis was started (INFO uptime_in_seconds)',
);

export const REDIS_FAMILIES: readonly Family[] = [
  REDIS_UP,
  MEMORY_USED,
  MEMORY_MAX,
  CONNECTED_CLIENTS,
  UPTIME,
];

const FIELDS: readonly (readonly [Family, string])[] = [
  [MEMORY_USED, 'used_memory'],
  [MEMORY_MAX, 'maxmemory'],
  [CONNECTED_CLIENTS, 'connected_clients'],
  [UPTIME, 'uptime_in_seconds'],
];

/** redis_exporter's values of an INFO answer; a field that is missing is absent. */
export function infoSamples(info: ReadonlyMap<string, string>): readonly Sample[] {
  const measured = FIELDS.flatMap(([family, field]) => {
    const value = infoNumber(info, field);
    return value === undefined ? [] : [sample(family, value)];
  });
  return [sample(REDIS_UP, 1), ...measured];
}

/** The values of a Redis server in `/cluster_health`. */
export function infoDetails(info: ReadonlyMap<string, string>): Readonly<Record<string, string | number>> {
  const clients = infoNumber(info, 'connected_clients');
  const uptime = infoNumber(info, 'uptime_in_seconds');
  const used = info.get('used_memory_human');
  return {
    ...(clients === undefined ? {} : { connected_clients: clients }),
    ...(used === undefined ? {} : { used_memory_human: used }),
    ...(uptime === undefined ? {} : { uptime_in_seconds: uptime }),
  };
}
