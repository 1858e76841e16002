import { formatDuration } from '../domain/quantity.ts';
import type { Adaptive, Confirm } from '../domain/service.ts';
import type { Path } from './path.ts';
import type { Reader } from './reader.ts';

/** What `scheduler` says of the interval in a state; false turns it off. */
type AdaptiveSetting =
  false | { readonly degraded?: number | undefined; readonly unhealthy?: number | undefined };

/** What services inherit; a value that is wrong where it stands is undefined. */
export interface ServiceDefaults {
  readonly interval: number | undefined;
  readonly timeout: number | undefined;
  readonly adaptive: AdaptiveSetting | undefined;
  readonly confirm: Confirm | undefined;
}

interface ConfirmSetting {
  readonly failures?: number | undefined;
  readonly successes?: number | undefined;
  readonly retry_interval?: number | undefined;
}

/** What a service says itself; a key that is wrong is absent, one that is not given is undefined. */
export interface OwnTiming {
  readonly interval?: number | undefined;
  readonly timeout?: number | undefined;
  readonly degraded_after?: number | undefined;
}

export interface Timing {
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/**
 * The interval and timeout of a service. A timeout of its own may not be longer than its interval, an inherited one is
 * shortened to it. Undefined when one of them is wrong.
 */
export function timingOf(
  reader: Reader,
  path: Path,
  own: OwnTiming,
  defaults: ServiceDefaults,
): Timing | undefined {
  const intervalMs = 'interval' in own ? (own.interval ?? defaults.interval) : undefined;
  if (!('timeout' in own) || intervalMs === undefined) return undefined;
  checkTimeout(reader, [...path, 'timeout'], own.timeout, intervalMs);
  const inherited = defaults.timeout === undefined ? undefined : Math.min(defaults.timeout, intervalMs);
  const timeoutMs = own.timeout ?? inherited;
  if (timeoutMs === undefined) return undefined;
  const slow = own.degraded_after;
  if (slow !== undefined && slow >= timeoutMs) {
    const end = formatDuration(timeoutMs);
    reader.report(
      [...path, 'degraded_after'],
      `no success is slower than the timeout of ${end}; expected less than that`,
    );
  }
  return { intervalMs, timeoutMs };
}

/** Tells a timeout that is longer than the interval that it is given for. */
export function checkTimeout(
  reader: Reader,
  path: Path,
  timeout: number | undefined,
  intervalMs: number,
): void {
  if (timeout === undefined || timeout <= intervalMs) return;
  const [given, most] = [formatDuration(timeout), formatDuration(intervalMs)];
  reader.report(path, `a timeout of ${given} is longer than the interval of ${most}; expected at most that`);
}

/** The intervals by state: a service's own are taken as they are, inherited ones never lengthen its interval. */
export function adaptiveOf(
  own: AdaptiveSetting | undefined,
  inherited: AdaptiveSetting,
  intervalMs: number,
): Adaptive {
  if (own === false) return {};
  const shared = inherited === false ? {} : inherited;
  const degraded = own?.degraded ?? atMost(shared.degraded, intervalMs);
  const unhealthy = own?.unhealthy ?? atMost(shared.unhealthy, intervalMs);
  return {
    ...(degraded !== undefined && { degradedMs: degraded }),
    ...(unhealthy !== undefined && { unhealthyMs: unhealthy }),
  };
}

function atMost(value: number | undefined, most: number): number | undefined {
  return value === undefined ? undefined : Math.min(value, most);
}

/** The confirmation rule of a service: what it does not say itself is inherited. */
export function confirmOf(own: ConfirmSetting, inherited: Confirm): Confirm {
  return {
    failures: own.failures ?? inherited.failures,
    successes: own.successes ?? inherited.successes,
    retryIntervalMs: own.retry_interval ?? inherited.retryIntervalMs,
  };
}
