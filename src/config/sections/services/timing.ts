import { formatDuration } from '../../../domain/quantity.ts';
import type { AdaptiveIntervals, ConfirmationRule } from '../../../domain/service.ts';
import type { Path } from '../../yaml/path.ts';
import type { ConfigReader } from '../../reading/reader.ts';

/** The interval in a state; false turns it off. */
type AdaptiveSetting = false | AdaptiveIntervals;

/** What services inherit; an invalid value is undefined. */
export interface ServiceDefaults {
  readonly intervalMs: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly adaptive: AdaptiveSetting | undefined;
  readonly confirm: ConfirmationRule | undefined;
}

/** A service's own values; an invalid key is absent, one that is not given is undefined. */
interface OwnTiming {
  readonly intervalMs?: number | undefined;
  readonly timeoutMs?: number | undefined;
  readonly degradedAfterMs?: number | undefined;
}

export interface Timing {
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/**
 * The interval and timeout of a service. Its own timeout may not be longer than its interval; an inherited one is
 * shortened to it. Undefined when one of them is invalid.
 */
export function timingOf(
  reader: ConfigReader,
  path: Path,
  own: OwnTiming,
  defaults: ServiceDefaults,
): Timing | undefined {
  const intervalMs = 'intervalMs' in own ? (own.intervalMs ?? defaults.intervalMs) : undefined;
  if (!('timeoutMs' in own) || intervalMs === undefined) return undefined;
  checkTimeout(reader, [...path, 'timeout'], own.timeoutMs, intervalMs);
  const inherited = defaults.timeoutMs === undefined ? undefined : Math.min(defaults.timeoutMs, intervalMs);
  const timeoutMs = own.timeoutMs ?? inherited;
  if (timeoutMs === undefined) return undefined;
  const slow = own.degradedAfterMs;
  if (slow !== undefined && slow >= timeoutMs) {
    const end = formatDuration(timeoutMs);
    reader.report(
      [...path, 'degraded_after'],
      `a success cannot be slower than the timeout of ${end}; expected less than that`,
    );
  }
  return { intervalMs, timeoutMs };
}

/** Reports a timeout that is longer than its interval. */
export function checkTimeout(
  reader: ConfigReader,
  path: Path,
  timeout: number | undefined,
  intervalMs: number,
): void {
  if (timeout === undefined || timeout <= intervalMs) return;
  const [given, most] = [formatDuration(timeout), formatDuration(intervalMs)];
  reader.report(path, `a timeout of ${given} is longer than the interval of ${most}; expected at most that`);
}

/** The intervals by state: a service's own are used as given, inherited ones never lengthen its interval. */
export function adaptiveOf(
  own: AdaptiveSetting | undefined,
  inherited: AdaptiveSetting,
  intervalMs: number,
): AdaptiveIntervals {
  if (own === false) return {};
  const shared = inherited === false ? {} : inherited;
  const degradedMs = own?.degradedMs ?? atMost(shared.degradedMs, intervalMs);
  const unhealthyMs = own?.unhealthyMs ?? atMost(shared.unhealthyMs, intervalMs);
  return {
    ...(degradedMs !== undefined && { degradedMs }),
    ...(unhealthyMs !== undefined && { unhealthyMs }),
  };
}

function atMost(value: number | undefined, most: number): number | undefined {
  return value === undefined ? undefined : Math.min(value, most);
}
