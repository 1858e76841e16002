import type { MonotonicMs } from '../../domain/clock.ts';
import { formatDuration } from '../../domain/quantity.ts';
import type { Verdict } from '../../domain/result.ts';
import { failure, unknown } from '../../domain/result.ts';
import type { Phase, PhaseSeconds, Run } from '../prober.ts';
import { ProbeFailure } from './failure.ts';

/** Times the phases of one run; the time of a phase that is entered again (a redirect) is added. */
export class PhaseTimer {
  readonly #monotonic: () => MonotonicMs;
  readonly #seconds: Partial<Record<Phase, number>> = {};
  #current: Phase | undefined;
  #since = 0;

  constructor(monotonic: () => MonotonicMs) {
    this.#monotonic = monotonic;
  }

  /** The current phase, or the last one when none is. */
  get current(): Phase | undefined {
    return this.#current;
  }

  /** Ends the current phase and begins the next. */
  enter(phase: Phase): void {
    this.#add();
    this.#current = phase;
  }

  /** Ends the current phase; returns the seconds of every phase reached, including one that was cut short. */
  stop(): PhaseSeconds {
    this.#add();
    return { ...this.#seconds };
  }

  /** Ends the current phase; the time after it belongs to none. */
  pause(): void {
    this.#add();
    this.#current = undefined;
  }

  #add(): void {
    const now = this.#monotonic();
    if (this.#current !== undefined) {
      this.#seconds[this.#current] = (this.#seconds[this.#current] ?? 0) + (now - this.#since) / 1_000;
    }
    this.#since = now;
  }
}

const PHASE_TEXTS: Readonly<Record<Phase, string>> = {
  resolve: 'while resolving the name',
  connect: 'while connecting',
  tls: 'during the TLS handshake',
  processing: 'while waiting for the answer',
  transfer: 'while reading the answer',
};

/**
 * The verdict of a run that did not end by itself: timeout when its signal has aborted, else by the thrown error. A
 * name server that is silent until the deadline is the agent's fault, not the target's.
 * @throws the error itself when it is a bug
 */
export function verdictOf(error: unknown, run: Run, timer: PhaseTimer): Verdict {
  if (run.signal.aborted) return timedOut(run.timeoutMs, timer.current);
  if (error instanceof ProbeFailure) return error.verdict;
  throw error;
}

function timedOut(timeoutMs: number, phase: Phase | undefined): Verdict {
  const limit = formatDuration(timeoutMs);
  if (phase === 'resolve')
    return unknown('agent_resolver', `No name server of this host answered within ${limit}`);
  const doing = phase === undefined ? '' : ` ${PHASE_TEXTS[phase]}`;
  return failure(
    phase === 'connect' ? 'connect_timeout' : 'timeout',
    `Request timed out after ${limit}${doing}`,
  );
}
