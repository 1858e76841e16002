import { setTimeout as pause } from 'node:timers/promises';

/** What one kind of request met with. */
export interface Requests {
  /** Milliseconds of each, ascending. */
  readonly ms: readonly number[];
  /** Those that were not answered with 200. */
  readonly failed: readonly string[];
}

export interface HealthyClient {
  stop(): Promise<Requests>;
}

/** Asks for the same again and again, `everyMs` after the last answer, over kept connections, and takes the times. */
export function startHealthyClient(
  everyMs: number,
  ask: (signal: AbortSignal) => Promise<Response>,
  timeoutMs = 10_000,
): HealthyClient {
  const ms: number[] = [];
  const failed: string[] = [];
  const over = new AbortController();
  const done = (async () => {
    while (!over.signal.aborted) {
      const start = performance.now();
      try {
        const answer = await ask(AbortSignal.timeout(timeoutMs));
        await answer.arrayBuffer();
        if (answer.status !== 200) failed.push(String(answer.status));
      } catch (error) {
        failed.push(String(error));
      }
      ms.push(performance.now() - start);
      await pause(everyMs);
    }
  })();
  return {
    stop: async () => {
      over.abort();
      await done;
      return { ms: ms.sort((a, b) => a - b), failed };
    },
  };
}

/** @param sorted ascending, not empty */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}
