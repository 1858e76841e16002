import { key } from '../schema/mapping.ts';
import type { Values } from '../schema/mapping.ts';
import { retention, timer, tolerance } from '../schema/values.ts';

/** The keys of `alerts`. */
export const alertsKeys = {
  same_start_tolerance: key(
    'sameStartToleranceMs',
    tolerance.prefault('60s'),
    'how far the start times of one alert may differ between the members of a cluster',
  ),
  stale_hold: key(
    'staleHoldMs',
    timer.prefault('6m'),
    'how long a firing that may be late, from another member or receiver, is held (`stale_suspect`) before it counts',
  ),
  expire_after: key(
    'expireAfterMs',
    retention.prefault('24h'),
    'an open episode without a delivery for so long, and for two `repeat_interval`, expires',
  ),
};

export type AlertsConfig = Values<typeof alertsKeys>;
