import { setTimeout as pause } from 'node:timers/promises';

/**
 * Asks again and again until the answer is neither undefined, false nor an exception; gives that answer.
 * For conditions in other processes that nothing tells of.
 */
export async function until<T>(
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  options: { timeoutMs?: number; everyMs?: number; what?: string } = {},
): Promise<T> {
  const { timeoutMs = 20_000, everyMs = 25, what = 'the condition' } = options;
  const end = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    if (performance.now() > end)
      throw new Error(`${what} did not come true within ${timeoutMs} ms; last: ${String(last)}`);
    await pause(everyMs);
  }
}
