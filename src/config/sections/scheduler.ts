import { z } from 'zod';
import { key, mapping, readMapping } from '../schema/mapping.ts';
import type { Values } from '../schema/mapping.ts';
import type { ConfigReader } from '../reading/reader.ts';
import { count, interval, timer } from '../schema/values.ts';
import { checkTimeout } from './services/timing.ts';
import type { ServiceDefaults } from './services/timing.ts';

const adaptiveKeys = {
  degraded: key('degradedMs', interval.prefault('15s'), 'while degraded'),
  unhealthy: key('unhealthyMs', interval.prefault('5s'), 'while unhealthy'),
};

/** The keys of `scheduler`. */
export const schedulerKeys = {
  interval: key('intervalMs', interval.prefault('30s'), 'how often a check runs; at least 100ms'),
  timeout: key('timeoutMs', timer.prefault('10s'), 'how long a run may take; at most `interval`'),
  max_concurrency: key(
    'maxConcurrency',
    count.prefault(128),
    'runs at the same time; a quarter is kept for fast checks, see below',
  ),
  max_per_host: key(
    'maxPerHost',
    count.prefault(8),
    'runs at the same time against one host; a quarter is kept for fast checks',
  ),
  adaptive: key(
    'adaptive',
    z.union([z.literal(false), mapping(adaptiveKeys)]).prefault({}),
    'the interval while a check is not healthy; `false` turns it off',
  ),
};

/** The keys of `confirm`. */
export const confirmKeys = {
  failures: key('failures', count.prefault(2), 'failed runs in a row until a check is unhealthy'),
  successes: key('successes', count.prefault(1), 'successes in a row until it is healthy again'),
  retry_interval: key(
    'retryIntervalMs',
    timer.prefault('2s'),
    'the delay before a run with an unconfirmed result is repeated',
  ),
};

export type SchedulerConfig = Values<typeof schedulerKeys>;

interface Scheduling {
  readonly scheduler: SchedulerConfig | undefined;
  /** What services inherit. */
  readonly defaults: ServiceDefaults;
}

/** Reads `scheduler` and `confirm`. */
export function readScheduling(reader: ConfigReader): Scheduling {
  const { whole, partial } = readMapping(reader, schedulerKeys, ['scheduler']);
  const confirm = readMapping(reader, confirmKeys, ['confirm']).whole;
  const { intervalMs, timeoutMs, adaptive } = partial;
  const given = reader.has(['scheduler', 'timeout']);
  if (given && intervalMs !== undefined)
    checkTimeout(reader, ['scheduler', 'timeout'], timeoutMs, intervalMs);
  return { scheduler: whole, defaults: { intervalMs, timeoutMs, adaptive, confirm } };
}
