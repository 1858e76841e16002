// Preloaded into Tocsin (NODE_OPTIONS=--import): each SIGUSR2 blocks its event loop for six seconds.
import { isMainThread } from 'node:worker_threads';

if (isMainThread && process.argv[1]?.endsWith('main.js')) {
  process.on('SIGUSR2', () => {
    const end = performance.now() + 6_000;
    while (performance.now() < end);
  });
}
