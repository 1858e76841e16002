import { setTimeout as pause } from 'node:timers/promises';

/** How long a test waits for what never happens: longer than a slow or busy machine needs for what does. */
export const NEVER_MS = 300_000;

/**
 * Polls until the result is neither undefined, false nor an exception; returns that result. For conditions in other
 * processes without notification. There is no deadline to choose: how long it takes depends on the machine.
 * `lastsMs` is what it takes on any machine, such as an interval that is waited for.
 */
export async function until<T>(
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  options: { everyMs?: number; lastsMs?: number; what?: string } = {},
): Promise<T> {
  const { everyMs = 25, lastsMs = 0, what = 'the condition' } = options;
  const timeoutMs = NEVER_MS + lastsMs;
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
      throw new Error(`${what} did not come true within ${timeoutMs / 1_000} s; last: ${String(last)}`);
    await pause(everyMs);
  }
}
