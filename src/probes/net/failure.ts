import type { FailureReason, UnknownReason, Verdict } from '../../domain/result.ts';

type BadVerdict = Exclude<Verdict, { status: 'success' }>;

/** An expected end of a run, thrown up to the prober, which returns its verdict. */
export class ProbeFailure extends Error {
  override readonly name = 'ProbeFailure';
  readonly verdict: BadVerdict;

  constructor(verdict: BadVerdict) {
    super(verdict.text);
    this.verdict = verdict;
  }
}

/** The target is at fault. */
export function fail(reason: FailureReason, text: string): ProbeFailure {
  return new ProbeFailure({ status: 'failure', reason, text });
}

/** The agent is at fault: it says nothing about the target. */
export function agentFault(reason: UnknownReason, text: string): ProbeFailure {
  return new ProbeFailure({ status: 'unknown', reason, text });
}
