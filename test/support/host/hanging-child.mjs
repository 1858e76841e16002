// The child, except for its calls: paths with "hang" in them do not answer while the file named in the
// path after "hang:" exists (no name: never); and the processes of "waits" are how often it has waited for the limit of
// a request.
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

let waits = 0;
const clock = {
  ...systemClock,
  after: (delayMs, run) =>
    systemClock.after(delayMs, () => {
      waits += 1;
      run();
    }),
};
const processes = (path) =>
  path === 'waits' ? Promise.resolve({ pids: waits, threads: process.pid }) : call(2)(path);
const calls = { statfs: call(USAGE), read: call({ text: '7' }), processes };
const worker = new ChildWorker({ calls, threads: 16, clock });
process.on('message', (request) => void worker.answer(request).then((answer) => process.send(answer)));
process.on('disconnect', () => process.exit());
