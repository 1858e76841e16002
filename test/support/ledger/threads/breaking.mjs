// The real ledger thread, with faults that can be triggered by a request for an alert of that name.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import '../../../../dist/app/threads/ledger-thread.js';

const idle = new Int32Array(new SharedArrayBuffer(4));

parentPort.on('message', ({ call, argument }) => {
  if (call !== 'alert') return;
  if (argument === 'throw') throw new Error('a bug');
  if (argument === 'exit') process.exit(1);
  // until the test removes the file beside the ledger
  if (argument === 'hang')
    while (existsSync(join(dirname(workerData.path), 'hang'))) Atomics.wait(idle, 0, 0, 5);
});
