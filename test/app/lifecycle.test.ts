import { describe, expect, it } from '@jest/globals';
import { Lifecycle } from '../../src/app/lifecycle.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { recordingLogger } from '../support/recording-logger.ts';

function make(budgetMs = 5_000) {
  const clock = new ManualClock();
  const { logger, lines } = recordingLogger();
  return { clock, lines, lifecycle: new Lifecycle({ clock, logger, budgetMs }) };
}

describe('the lifecycle', () => {
  it('undoes steps in reverse order, one at a time', async () => {
    const { lifecycle } = make();
    const done: string[] = [];
    for (const name of ['first', 'second', 'third']) {
      lifecycle.onStop(name, async () => {
        await settle();
        done.push(name);
      });
    }
    await lifecycle.stop();
    expect(done).toEqual(['third', 'second', 'first']);
  });

  it('continues after a step that fails, and names it', async () => {
    const { lifecycle, lines } = make();
    const done: string[] = [];
    lifecycle.onStop('ledger', () => void done.push('ledger'));
    lifecycle.onStop('server', () => {
      throw new Error('boom');
    });
    await lifecycle.stop();
    expect(done).toEqual(['ledger']);
    expect(lines).toEqual([expect.objectContaining({ level: 'warn', step: 'server', error: 'Error: boom' })]);
  });

  it('aborts steps when the budget is used up, and abandons those that ignore it', async () => {
    const { lifecycle, clock, lines } = make(1_000);
    let logged = false;
    lifecycle.onStop('deaf', () => new Promise(() => undefined));
    lifecycle.onStop('listening', (signal) => {
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          logged = true;
          resolve();
        });
      });
    });
    const stopped = lifecycle.stop();
    await clock.advance(1_000);
    expect(logged).toBe(true);
    await clock.advance(1_000);
    await stopped;
    expect(lines).toEqual([expect.objectContaining({ step: 'deaf' })]);
  });

  it('stops once, however often stop is called', async () => {
    const { lifecycle } = make();
    let count = 0;
    lifecycle.onStop('once', () => void (count += 1));
    await Promise.all([lifecycle.stop(), lifecycle.stop()]);
    await lifecycle.stop();
    expect(count).toBe(1);
  });
});
