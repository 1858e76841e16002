import { setFlagsFromString } from 'node:v8';

/**
 * Keeps V8 from ending a major garbage collection in a task of its own: it takes an empty work list for the end while
 * its helper threads still hold the work, and then marks the whole heap at once (40 to 100 ms for 80 MB, in Node 20 and
 * 24), during which nothing is answered. Without the task, marking is done in steps as memory is allocated.
 */
export function tuneHeap(): void {
  setFlagsFromString('--no-incremental-marking-task');
}
