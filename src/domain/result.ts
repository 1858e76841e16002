/** Why a run failed: the target's doing. A closed set, for it is a label value. */
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

/** Why a run says nothing about the target: the agent's doing. */
export const UNKNOWN_REASONS = ['agent_overload', 'agent_resolver', 'agent_limit', 'agent_error'] as const;
export type UnknownReason = (typeof UNKNOWN_REASONS)[number];

/** How a run ended. `text` explains it to a person and never holds a secret. */
export type Verdict =
  | { readonly status: 'success' }
  | { readonly status: 'failure'; readonly reason: FailureReason; readonly text: string }
  | { readonly status: 'unknown'; readonly reason: UnknownReason; readonly text: string };

export type ResultStatus = Verdict['status'];

/** What a run tells besides its verdict, for the API; secrets already removed. */
export interface Details {
  readonly statusCode?: number;
  /** A JSON answer of at most 4 KiB. */
  readonly data?: unknown;
  /** Further fields of `/cluster_health`'s `health`, in its spelling (redis: `connected_clients` …). */
  readonly extra?: Readonly<Record<string, string | number>>;
}

/** One finished run of a check. */
export interface Result {
  /** Names the run in events, answers and exemplars; absent where it was not kept. */
  readonly runId?: string;
  readonly verdict: Verdict;
  /** Wall clock at the start, milliseconds since the epoch. */
  readonly startedAt: number;
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
