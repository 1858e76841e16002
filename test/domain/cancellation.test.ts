import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  Cancellation,
  cutOnAbort,
  ended,
  firstOf,
  onAbort,
  orAborted,
  pause,
} from '../../src/domain/cancellation.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';

const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;

/** A promise that the test settles. */
function work() {
  let finish: (value: string) => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const promise = new Promise<string>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
  return { promise, finish, fail };
}

/** How a promise ended, as text; `waiting` until then. */
function outcomeOf(promise: Promise<unknown>) {
  const seen = { outcome: 'waiting' };
  promise.then(
    (value) => (seen.outcome = `resolved: ${String(value)}`),
    (error: unknown) => (seen.outcome = `rejected: ${String(error)}`),
  );
  return seen;
}

describe('a cancellation', () => {
  it('notifies each listener once, and releases those that were removed', () => {
    const cancellation = new Cancellation();
    const called: string[] = [];
    const stays = () => called.push('stays');
    const leaves = () => called.push('leaves');
    cancellation.addEventListener('abort', stays);
    cancellation.addEventListener('abort', stays);
    cancellation.addEventListener('abort', leaves);
    cancellation.removeEventListener('abort', leaves);
    expect(cancellation.aborted).toBe(false);
    expect(() => cancellation.throwIfAborted()).not.toThrow();
    cancellation.abort();
    cancellation.abort();
    expect(called).toEqual(['stays']);
    expect(cancellation.aborted).toBe(true);
    expect(() => cancellation.throwIfAborted()).toThrow('aborted');
  });

  it('does not notify listeners that are added too late', () => {
    const cancellation = new Cancellation();
    cancellation.abort();
    cancellation.addEventListener('abort', () => {
      throw new Error('told');
    });
    cancellation.abort();
    expect(cancellation.aborted).toBe(true);
  });

  it('allows listeners to be removed during notification', () => {
    const cancellation = new Cancellation();
    const called: number[] = [];
    const first = () => {
      called.push(1);
      cancellation.removeEventListener('abort', first);
    };
    cancellation.addEventListener('abort', first);
    cancellation.addEventListener('abort', () => called.push(2));
    cancellation.abort();
    expect(called).toEqual([1, 2]);
  });
});

describe('onAbort', () => {
  it('calls back once when the signal aborts, and at once if it has', () => {
    const controller = new AbortController();
    const calls: string[] = [];
    onAbort(controller.signal, () => calls.push('first'));
    expect(calls).toEqual([]);
    controller.abort();
    controller.abort();
    onAbort(controller.signal, () => calls.push('late'));
    expect(calls).toEqual(['first', 'late']);
  });

  it('is undone by the function that it returns', () => {
    const controller = new AbortController();
    const calls: string[] = [];
    const release = onAbort(controller.signal, () => calls.push('released'));
    release();
    release();
    expect(listeners(controller.signal)).toBe(0);
    controller.abort();
    expect(calls).toEqual([]);
  });
});

describe('work and a signal', () => {
  const step = fc.constantFrom('finish', 'fail', 'abort');

  it('orAborted ends as what comes first does; cutOnAbort ends as the work does, and cuts it once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 4 }), fc.boolean(), async (steps, abortedBefore) => {
        const [controller, { promise, finish, fail }] = [new AbortController(), work()];
        if (abortedBefore) controller.abort();
        let cuts = 0;
        const either = outcomeOf(orAborted(promise, controller.signal));
        const cut = outcomeOf(cutOnAbort(promise, controller.signal, () => (cuts += 1)));
        const act = {
          finish: () => finish('done'),
          fail: () => fail(new Error('no')),
          abort: () => controller.abort(),
        };
        const result = {
          finish: 'resolved: done',
          fail: 'rejected: Error: no',
          abort: 'rejected: Error: aborted',
        };
        for (const name of steps) {
          act[name]();
          await settle();
        }
        const all = [...(abortedBefore ? (['abort'] as const) : []), ...steps];
        const [first, end] = [all[0], all.find((name) => name !== 'abort')];
        await settle();
        expect(either.outcome).toBe(first === undefined ? 'waiting' : result[first]);
        expect(cut.outcome).toBe(end === undefined ? 'waiting' : result[end]);
        expect(cuts).toBe(first === 'abort' ? 1 : 0);
        expect(listeners(controller.signal)).toBe(first === undefined ? 2 : 0);
      }),
    );
  });

  it('orAborted handles the failure of work that it no longer waits for, even if the signal had aborted before', async () => {
    /** Reports whether anything handles its rejection. */
    class Watched extends Promise<never> {
      handled = false;
      override then<A = never, B = never>(
        onFulfilled?: ((value: never) => A | PromiseLike<A>) | null,
        onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
      ): Promise<A | B> {
        if (onRejected !== undefined && onRejected !== null) this.handled = true;
        return super.then(onFulfilled, onRejected);
      }
    }
    const failing = new Watched((_resolve, reject) => reject(new Error('too late')));
    const waited = orAborted(failing, AbortSignal.abort());
    await expect(waited).rejects.toThrow('aborted');
    expect(failing.handled).toBe(true);
  });
});

describe('firstOf', () => {
  it('resolves when the first occasion happens, and unsubscribes from all of them', async () => {
    const [clock, controller, { promise, finish }] = [new ManualClock(), new AbortController(), work()];
    const waiting = outcomeOf(
      firstOf(
        (happened) => clock.after(1_000, happened),
        (happened) => onAbort(controller.signal, happened),
        ended(promise),
      ),
    );
    await clock.advance(999);
    expect([waiting.outcome, clock.timers, listeners(controller.signal)]).toEqual(['waiting', 1, 1]);
    finish('done');
    await settle();
    expect(waiting.outcome).toBe('resolved: undefined');
    expect([clock.timers, listeners(controller.signal)]).toEqual([0, 0]);
  });

  it('unsubscribes from an occasion that happened while it was subscribed to, and from those after it', async () => {
    const subscribed: string[] = [];
    const occasion = (name: string, now: boolean) => (happened: () => void) => {
      subscribed.push(name);
      if (now) happened();
      return () => void subscribed.splice(subscribed.indexOf(name), 1);
    };
    await firstOf(occasion('before', false), occasion('now', true), occasion('after', false));
    expect(subscribed).toEqual([]);
  });

  it('counts the failure of work as its end', async () => {
    await expect(firstOf(ended(Promise.reject(new Error('no'))))).resolves.toBeUndefined();
  });
});

describe('pause', () => {
  it('ends after its time, and leaves the signal as it was', async () => {
    const [clock, { signal }] = [new ManualClock(), new AbortController()];
    const waiting = outcomeOf(pause(clock, 1_000, signal));
    await clock.advance(999);
    expect(waiting.outcome).toBe('waiting');
    await clock.advance(1);
    expect([waiting.outcome, listeners(signal)]).toEqual(['resolved: undefined', 0]);
  });

  it.each([
    ['is aborted', false],
    ['had been aborted', true],
  ])('ends when the signal %s, and leaves no timer', async (_what, before) => {
    const [clock, controller] = [new ManualClock(), new AbortController()];
    if (before) controller.abort();
    const waiting = outcomeOf(pause(clock, 1_000, controller.signal));
    controller.abort();
    await settle();
    expect([waiting.outcome, clock.timers]).toEqual(['resolved: undefined', 0]);
  });
});
