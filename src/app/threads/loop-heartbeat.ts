import { PeriodicTask, type TaskContext } from '../../domain/clock.ts';

/** Shared between threads: for how many seconds the event loop has turned, and 1 where a debugger may pause it. */
type HeartbeatBuffer = Int32Array;

const [BEAT_COUNT, DEBUGGED] = [0, 1] as const;
const BEAT_MS = 1_000;
/** No work of Tocsin's own takes nearly as long, and every client has timed out by then. */
const STUCK_AFTER_BEATS = 60;

interface Heartbeat {
  readonly buffer: HeartbeatBuffer;
  readonly stop: () => void;
}

/** Counts the seconds in which the calling thread's event loop turns. */
export function startHeartbeat(context: TaskContext, isDebugged: () => boolean): Heartbeat {
  const buffer = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  const beat = () => {
    Atomics.add(buffer, BEAT_COUNT, 1);
    Atomics.store(buffer, DEBUGGED, isDebugged() ? 1 : 0);
  };
  beat();
  const task = new PeriodicTask(context, 'beats of the event loop', BEAT_MS, beat).start();
  return { buffer, stop: () => task.stop() };
}

/**
 * Watches another thread's event loop. Time is measured by this thread's own turns, not by wall time: a process that
 * was suspended, or that gets no CPU, stops in both threads.
 * @param onStuck called once, when the loop has not turned for 60 seconds
 */
export function watchHeartbeat(
  beats: HeartbeatBuffer,
  context: TaskContext,
  onStuck: (seconds: number) => void,
): void {
  let seen = Atomics.load(beats, BEAT_COUNT);
  let still = 0;
  const look = () => {
    const count = Atomics.load(beats, BEAT_COUNT);
    still = count === seen && Atomics.load(beats, DEBUGGED) === 0 ? still + 1 : 0;
    seen = count;
    if (still < STUCK_AFTER_BEATS) return;
    task.stop();
    onStuck(still);
  };
  const task = new PeriodicTask(context, 'watch of the event loop', BEAT_MS, look).start();
}
