// Loaded into a server under test (`node --import`): on SIGUSR2 it writes the longest stall of its event loop since the
// previous signal.
import { writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  let last = performance.now();
  let longest = 0;
  setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last - 1);
    last = now;
  }, 1).unref();
  process.on('SIGUSR2', () => {
    writeFileSync(process.env.STALL_FILE, String(longest));
    longest = 0;
  });
}
