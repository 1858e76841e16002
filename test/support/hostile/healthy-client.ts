import { setTimeout as pause } from 'node:timers/promises';

/** The results of one kind of request. */
export interface Requests {
  /** Milliseconds of each, ascending. */
  readonly ms: readonly number[];
  /** Requests that were not answered with 200. */
  readonly failed: readonly string[];
}

export interface HealthyClient {
  stop(): Promise<Requests>;
}

/** Sends the same request repeatedly, `everyMs` after the last response, over kept connections, and times them. */
export function startHealthyClient(
  everyMs: number,
  ask: (signal: AbortSignal) => Promise<Response>,
  timeoutMs: number,
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
