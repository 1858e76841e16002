import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PeriodicTask } from '../../src/domain/clock.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { recordingLogger } from '../support/recording-logger.ts';

const EVERY_MS = 100;

/** A task whose runs last until the test ends them. */
function rig(everyMs: number | (() => number) = EVERY_MS) {
  const clock = new ManualClock();
  const { logger, lines } = recordingLogger();
  const begun: number[] = [];
  let end: ((error?: Error) => void) | undefined;
  const run = () =>
    new Promise<void>((resolve, reject) => {
      if (end !== undefined) throw new Error('two runs overlap');
      begun.push(clock.monotonic());
      end = (error) => {
        end = undefined;
        if (error === undefined) resolve();
        else reject(error);
      };
    });
  const task = new PeriodicTask({ clock, logger }, 'test', everyMs, run);
  const finish = async (error?: Error) => {
    end?.(error);
    await settle();
  };
  return { clock, lines, begun, task, finish, running: () => end !== undefined };
}

/** A task whose runs end at once. */
function instant(run: (task: PeriodicTask) => void, everyMs: number | (() => number) = EVERY_MS) {
  const clock = new ManualClock();
  const { logger, lines } = recordingLogger();
  const begun: number[] = [];
  const task: PeriodicTask = new PeriodicTask({ clock, logger }, 'test', everyMs, () => {
    begun.push(clock.monotonic());
    run(task);
  });
  return { clock, lines, begun, task };
}

describe('a periodic task', () => {
  it('runs after each period, first after its own time if it has one, until it is stopped', async () => {
    const { clock, begun, task } = instant(() => undefined);
    await clock.advance(1_000);
    expect([task.active, begun]).toEqual([false, []]);
    task.start(0);
    await clock.advance(250);
    expect([task.active, begun]).toEqual([true, [1_000, 1_100, 1_200]]);
    task.stop();
    await clock.advance(1_000);
    expect([task.active, begun.length, clock.timers]).toEqual([false, 3, 0]);
  });

  it('starts the time to the next run when the last one has ended', async () => {
    const { clock, begun, task, finish } = rig();
    task.start();
    await clock.advance(5_000);
    expect(begun).toEqual([100]);
    await finish();
    await clock.advance(100);
    expect(begun).toEqual([100, 5_100]);
  });

  it('asks for the period after each run, if it is a function', async () => {
    let everyMs = 10;
    const { clock, begun, task } = instant(
      () => (everyMs *= 2),
      () => everyMs,
    );
    task.start();
    await clock.advance(75);
    expect(begun).toEqual([10, 30, 70]);
  });

  it('schedules the next run within the run that ends at once', async () => {
    const { clock, task } = instant(() => undefined);
    task.start();
    let timers = 0;
    clock.after(EVERY_MS, () => (timers = clock.timers));
    await clock.advance(EVERY_MS);
    expect(timers).toBe(1);
  });

  it('logs a run that throws or rejects, and runs again', async () => {
    const [throwing, rejecting] = [instant(fail), rig()];
    for (const { clock, task, lines, begun } of [throwing, rejecting]) {
      task.start();
      await clock.advance(EVERY_MS);
      await rejecting.finish(new Error('boom'));
      await clock.advance(EVERY_MS);
      expect(begun).toEqual([100, 200]);
      expect(lines[0]).toMatchObject({ level: 'error', task: 'test', error: 'Error: boom' });
    }
  });

  it('can be stopped, and started again, by its own run', async () => {
    const { clock, begun, task } = instant((one) => {
      one.stop();
      if (begun.length === 1) one.start(7);
    });
    task.start();
    await clock.advance(1_000);
    expect([begun, task.active, clock.timers]).toEqual([[100, 107], false, 0]);
  });

  const command = fc.oneof(
    fc.record({ kind: fc.constant('start' as const), firstMs: fc.option(fc.nat(300), { nil: undefined }) }),
    fc.record({ kind: fc.constant('stop' as const) }),
    fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(300) }),
    fc.record({ kind: fc.constant('finish' as const), fails: fc.boolean() }),
  );

  it('never runs twice at a time, has at most one timer, and is exactly on time, in any order of calls', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 30 }), async (commands) => {
        const { clock, lines, begun, task, finish, running } = rig();
        // the same in plain terms
        const expected = { active: false, running: false, begun: [] as number[], failures: 0 };
        let due: number | undefined;
        let first: number | undefined;
        const next = (now: number, firstMs: number | undefined) => now + (firstMs ?? EVERY_MS);
        for (const one of commands) {
          const now = clock.monotonic();
          if (one.kind === 'start') {
            task.start(one.firstMs);
            expected.active = true;
            first = one.firstMs;
            due = expected.running ? undefined : next(now, first);
          } else if (one.kind === 'stop') {
            task.stop();
            expected.active = false;
            due = undefined;
          } else if (one.kind === 'advance') {
            await clock.advance(one.ms);
            if (due !== undefined && due <= now + one.ms) {
              expected.begun.push(due);
              expected.running = true;
              [due, first] = [undefined, undefined];
            }
          } else if (expected.running) {
            await finish(one.fails ? new Error('boom') : undefined);
            expected.running = false;
            expected.failures += one.fails ? 1 : 0;
            if (expected.active) due = next(now, first);
          }
          const { active } = task;
          expect({ active, running: running(), begun, failures: lines.length }).toEqual(expected);
          expect(clock.timers).toBe(due === undefined ? 0 : 1);
        }
      }),
    );
  });
});

function fail(): never {
  throw new Error('boom');
}
