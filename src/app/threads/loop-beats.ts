import { PeriodicTask, type TaskContext } from '../../domain/clock.ts';

/** Shared between threads: for how many seconds the event loop has turned, and 1 where a debugger may pause it. */
type LoopBeats = Int32Array;

const [COUNT, DEBUGGED] = [0, 1] as const;
const BEAT_MS = 1_000;
/** No work of Tocsin's own takes nearly as long, and every client has timed out by then. */
const STUCK_AFTER_BEATS = 60;

interface Beating {
  readonly beats: LoopBeats;
  readonly stop: () => void;
}

/** Counts the seconds in which the calling thread's event loop turns. */
export function startBeating(context: TaskContext, isDebugged: () => boolean): Beating {
  const beats = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  const beat = () => {
    Atomics.add(beats, COUNT, 1);
    Atomics.store(beats, DEBUGGED, isDebugged() ? 1 : 0);
  };
  beat();
  const task = new PeriodicTask(context, 'beats of the event loop', BEAT_MS, beat).start();
  return { beats, stop: () => task.stop() };
}

/**
 * Watches another thread's event loop. Time is measured by this thread's own turns, not by wall time: a process that
 * was suspended, or that gets no CPU, stops in both threads.
 * @param onStuck called once, when the loop has not turned for 60 seconds
 */
export function watchBeats(beats: LoopBeats, context: TaskContext, onStuck: (seconds: number) => void): void {
  let seen = Atomics.load(beats, COUNT);
  let still = 0;
  const look = () => {
    const count = Atomics.load(beats, COUNT);
    still = count === seen && Atomics.load(beats, DEBUGGED) === 0 ? still + 1 : 0;
    seen = count;
    if (still < STUCK_AFTER_BEATS) return;
    task.stop();
    onStuck(still);
  };
  const task = new PeriodicTask(context, 'watch of the event loop', BEAT_MS, look).start();
}
