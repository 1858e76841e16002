// The real ledger thread, with faults that can be triggered by a request for an alert of that name.
import { parentPort } from 'node:worker_threads';
import '../../../dist/app/threads/ledger-thread.js';

parentPort.on('message', ({ call, argument }) => {
  if (call !== 'alert') return;
  if (argument === 'throw') throw new Error('a bug');
  if (argument === 'exit') process.exit(1);
  if (argument === 'hang') {
    const end = Date.now() + 600;
    while (Date.now() < end);
  }
});
