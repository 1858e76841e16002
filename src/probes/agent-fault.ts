import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { formatDuration } from '../domain/quantity.ts';
import type { Verdict } from '../domain/result.ts';
import { unknown } from '../domain/result.ts';
import { errorCode } from './net/error-fields.ts';

/** What happened in Tocsin itself during a run. */
export interface RunCircumstances {
  readonly timeoutMs: number;
  /** How late the deadline came, ms; 0 if it has not come. */
  readonly lateMs: number;
  /** The longest time for which the event loop was blocked, ms. */
  readonly stalledMs: number;
}

/** With a deadline this late, or a pause this long, the answer may have been waiting. */
const STARVED_MS = 500;
const STARVED_AT_LEAST_MS = 100;

/** Error codes that mean that this host's limits are reached, whoever throws them. */
const LIMITS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EAGAIN']);
/** Reasons of failures that a blocked event loop can cause. */
const BLAMED_ON_TIME: ReadonlySet<string> = new Set([
  'timeout',
  'connect_timeout',
  'connect',
  'tls',
  'protocol',
]);
/** Reasons that a lack of file descriptors can appear as, where a library does not pass its error on. */
const BLAMED_ON_DESCRIPTORS: ReadonlySet<string> = new Set([
  ...BLAMED_ON_TIME,
  'dns',
  'reply',
  'agent_resolver',
  'agent_error',
]);

/** The verdict on a prober that threw because this host had no resources left; undefined for a bug. */
export function agentLimitReached(error: unknown): Verdict | undefined {
  const code = errorCode(error);
  return LIMITS.has(code) ? unknown('agent_limit', `This host has no resources left (${code})`) : undefined;
}

/**
 * The verdict after checking Tocsin itself: what Tocsin caused is `unknown`, never the target's failure. A timing
 * failure is `agent_overload` when the deadline came late, or when the event loop was blocked for longer than half a
 * second (a tenth of the timeout where that is less, but at least 100 ms); a failure while no file descriptor is left
 * is `agent_limit`.
 */
export function attributeFault(verdict: Verdict, circumstances: RunCircumstances): Verdict {
  if (verdict.status === 'success') return verdict;
  if (BLAMED_ON_DESCRIPTORS.has(verdict.reason) && hasNoDescriptorLeft())
    return unknown('agent_limit', `This host has no file descriptors left (${verdict.text})`);
  if (!BLAMED_ON_TIME.has(verdict.reason)) return verdict;
  const { timeoutMs, lateMs, stalledMs } = circumstances;
  const timedOut = verdict.reason === 'timeout' || verdict.reason === 'connect_timeout';
  const late = timedOut && lateMs >= STARVED_MS;
  const bound = Math.min(STARVED_MS, Math.max(STARVED_AT_LEAST_MS, timeoutMs / 10));
  if (!late && stalledMs < bound) return verdict;
  const pause = formatDuration(Math.max(timedOut ? lateMs : 0, stalledMs));
  return unknown(
    'agent_overload',
    `Tocsin's event loop was blocked for ${pause} during the run (${verdict.text})`,
  );
}

function hasNoDescriptorLeft(): boolean {
  try {
    closeSync(openSync(devNull, 'r'));
    return false;
  } catch (error) {
    return LIMITS.has(errorCode(error));
  }
}
