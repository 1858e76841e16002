// The statfs child, but for the mounts: paths with "hang" in them do not answer while the file named in the
// path after "hang:" exists (no name: never).
import { existsSync } from 'node:fs';
import { StatfsWorker } from '../../../dist/host/statfs-worker.js';
import { systemClock } from '../../../dist/domain/clock.js';

const USAGE = [4096, 10, 5, 4, 3, 2];

function statfs(path) {
  const [, file] = /hang:?(.*)/.exec(path) ?? [];
  if (file === undefined) return Promise.resolve(USAGE);
  return new Promise((resolve) => {
    const look = setInterval(() => {
      if (file === '' || existsSync(file)) return;
      clearInterval(look);
      resolve(USAGE);
    }, 5);
  });
}

const worker = new StatfsWorker({ statfs, threads: 16, clock: systemClock });
process.on('message', (request) => void worker.answer(request).then((answer) => process.send(answer)));
process.on('disconnect', () => process.exit());
