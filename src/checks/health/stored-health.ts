import type { EpochMs } from '../../domain/clock.ts';
import type { Result, Verdict } from '../../domain/result.ts';
import { CHECK_STATES, type CheckState } from '../../domain/service.ts';
import type { CheckHealth } from './check-health.ts';

/** What is stored of a run: all but the body of its answer. */
interface StoredRun {
  readonly verdict: Verdict;
  readonly at: EpochMs;
  readonly seconds: number;
  readonly status_code?: number;
  readonly extra?: Readonly<Record<string, string | number>>;
}

interface StoredHealth {
  readonly prober: string;
  readonly state: CheckState;
  readonly since: EpochMs;
  readonly failures: number;
  readonly successes: number;
  readonly last_success?: EpochMs;
  readonly last: StoredRun;
  /** Only where it differs from `last`. */
  readonly last_conclusive?: StoredRun;
}

/** A check's health as JSON text, to continue from after a restart; undefined before its first run. */
export function storeHealth(health: CheckHealth, prober: string): string | undefined {
  const { last, lastConclusive } = health;
  if (last === undefined) return undefined;
  const stored: StoredHealth = {
    prober,
    state: health.state,
    since: health.since,
    failures: health.failuresInRow,
    successes: health.successesInRow,
    ...(health.lastSuccessAt !== undefined && { last_success: health.lastSuccessAt }),
    last: storeRun(last),
    ...(lastConclusive !== undefined &&
      lastConclusive !== last && { last_conclusive: storeRun(lastConclusive) }),
  };
  return JSON.stringify(stored);
}

/** The health that `storeHealth` wrote; undefined when it is from another prober or another version. */
export function restoreHealth(text: string, prober: string): CheckHealth | undefined {
  const stored = parse(text);
  if (stored?.prober !== prober) return undefined;
  const last = restoreRun(stored.last);
  const other = stored.last_conclusive === undefined ? undefined : restoreRun(stored.last_conclusive);
  const lastConclusive = last.verdict.status === 'unknown' ? other : last;
  return {
    state: stored.state,
    since: stored.since,
    failuresInRow: stored.failures,
    successesInRow: stored.successes,
    last,
    ...(lastConclusive !== undefined && { lastConclusive }),
    ...(stored.last_success !== undefined && { lastSuccessAt: stored.last_success }),
  };
}

function storeRun({ verdict, startedAt, durationSeconds, details }: Result): StoredRun {
  return {
    verdict,
    at: startedAt,
    seconds: durationSeconds,
    ...(details.statusCode !== undefined && { status_code: details.statusCode }),
    ...(details.extra !== undefined && { extra: details.extra }),
  };
}

function restoreRun({ verdict, at, seconds, status_code: statusCode, extra }: StoredRun): Result {
  const details = { ...(statusCode !== undefined && { statusCode }), ...(extra !== undefined && { extra }) };
  return { verdict, startedAt: at, durationSeconds: seconds, details };
}

/** Tocsin wrote the record: it is enough to check what distinguishes it from another version's. */
function parse(text: string): StoredHealth | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isStored(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isStored(value: unknown): value is StoredHealth {
  if (!isRecord(value)) return false;
  const { state, since, failures, successes, last, last_conclusive: conclusive } = value;
  return (
    CHECK_STATES.some((one) => one === state) &&
    [since, failures, successes].every((number) => typeof number === 'number') &&
    isRun(last) &&
    (conclusive === undefined || isRun(conclusive))
  );
}

function isRun(value: unknown): boolean {
  if (!isRecord(value) || !isRecord(value['verdict'])) return false;
  const known = ['success', 'failure', 'unknown'].includes(String(value['verdict']['status']));
  return known && typeof value['at'] === 'number' && typeof value['seconds'] === 'number';
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
