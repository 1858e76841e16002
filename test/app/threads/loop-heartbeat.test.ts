import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { startHeartbeat, watchHeartbeat } from '../../../src/app/threads/loop-heartbeat.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { recordingLogger } from '../../support/recording-logger.ts';

/** The clock of the loop, which stops when the loop is stuck, and that of the watching thread. */
function watched(isDebugged = () => false) {
  const [loop, thread] = [new ManualClock(), new ManualClock()];
  const { logger } = recordingLogger();
  const { buffer, stop } = startHeartbeat({ clock: loop, logger }, isDebugged);
  const onStuck = jest.fn<(seconds: number) => void>();
  watchHeartbeat(buffer, { clock: thread, logger }, onStuck);
  return { loop, thread, stop, onStuck };
}

describe('the heartbeats of an event loop', () => {
  it('report a loop that has not turned for 60 seconds of the watching thread, once', async () => {
    const { thread, onStuck } = watched();
    await thread.advance(59_999);
    expect(onStuck).not.toHaveBeenCalled();
    await thread.advance(120_000);
    expect(onStuck.mock.calls).toEqual([[60]]);
  });

  it('restart the count when the loop turns', async () => {
    const { loop, thread, onStuck } = watched();
    await thread.advance(59_000);
    await loop.advance(1_000);
    await thread.advance(60_000);
    expect(onStuck).not.toHaveBeenCalled();
    await thread.advance(1_000);
    expect(onStuck).toHaveBeenCalledTimes(1);
  });

  it('do not report a loop that is paused in a debugger', async () => {
    const { thread, onStuck } = watched(() => true);
    await thread.advance(600_000);
    expect(onStuck).not.toHaveBeenCalled();
  });

  it('report exactly the loops that do not turn for 60 turns of the thread, in any interleaving', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 90 }), { maxLength: 20 }), async (stalls) => {
        const { loop, thread, onStuck } = watched();
        for (const seconds of stalls) {
          await loop.advance(1_000);
          await thread.advance(1_000);
          await thread.advance(seconds * 1_000);
        }
        expect(onStuck.mock.calls.length > 0).toBe(stalls.some((seconds) => seconds >= 60));
      }),
    );
  });
});
