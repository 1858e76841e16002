// The child, except for its calls: paths with "hang" in them do not answer while the file named in the
// path after "hang:" exists (no name: never).
import { existsSync } from 'node:fs';
import { ChildWorker } from '../../../dist/host/child/worker.js';
import { systemClock } from '../../../dist/domain/clock.js';

const USAGE = [4096, 10, 5, 4, 3, 2];

const call = (result) => (path) => {
  const [, file] = /hang:?(.*)/.exec(path) ?? [];
  if (file === undefined) return Promise.resolve(result);
  return new Promise((resolve) => {
    const look = setInterval(() => {
      if (file === '' || existsSync(file)) return;
      clearInterval(look);
      resolve(result);
    }, 5);
  });
};

const calls = { statfs: call(USAGE), read: call({ text: '7' }), processes: call(2) };
const worker = new ChildWorker({ calls, threads: 16, clock: systemClock });
process.on('message', (request) => void worker.answer(request).then((answer) => process.send(answer)));
process.on('disconnect', () => process.exit());
