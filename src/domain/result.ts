import type { EpochMs } from './clock.ts';

/** Why a run failed, when the target is at fault. A closed set, since it is a label value. */
export const FAILURE_REASONS = [
  'dns',
  'connect_refused',
  'connect_timeout',
  'connect',
  'tls_expired',
  'tls_untrusted',
  'tls_name',
  'tls',
  'timeout',
  'status',
  'redirect',
  'body',
  'header',
  'content',
  'auth',
  'protocol',
  'reply',
  'threshold',
  'missing',
  'config',
] as const;
export type FailureReason = (typeof FAILURE_REASONS)[number];

/** Why a run says nothing about the target: the agent is at fault. */
export type UnknownReason = 'agent_overload' | 'agent_resolver' | 'agent_limit' | 'agent_error';

/** How a run ended. `text` explains it to a person and never holds a secret. */
export type Verdict =
  | { readonly status: 'success' }
  | { readonly status: 'failure'; readonly reason: FailureReason; readonly text: string }
  | { readonly status: 'unknown'; readonly reason: UnknownReason; readonly text: string };

export type ResultStatus = Verdict['status'];

/** What a run reports besides its verdict, for the API; secrets already removed. */
export interface Details {
  readonly statusCode?: number;
  /** A JSON answer of at most 4 KiB. */
  readonly data?: unknown;
  /** Further fields of `/cluster_health`'s `health`, as it spells them (redis: `connected_clients` …). */
  readonly extra?: Readonly<Record<string, string | number>>;
}

/** One finished run of a check. */
export interface Result {
  /** The id of the run in events, API answers and exemplars; absent when the run was not stored. */
  readonly runId?: string;
  readonly verdict: Verdict;
  /** Wall clock at the start. */
  readonly startedAt: EpochMs;
  readonly durationSeconds: number;
  readonly details: Details;
}

export const SUCCESS: Verdict = Object.freeze({ status: 'success' });

export function failure(reason: FailureReason, text: string): Verdict {
  return { status: 'failure', reason, text };
}

export function unknown(reason: UnknownReason, text: string): Verdict {
  return { status: 'unknown', reason, text };
}
