import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../domain/clock.ts';
import type { ThreadOptions } from '../ledger/protocol.ts';
import { openLedgerStore } from '../ledger/sqlite/ledger-store.ts';
import { serveLedger } from '../ledger/thread-server.ts';
import { ALERT_LOGIC } from './alert-logic.ts';

if (parentPort === null) throw new Error('ledger-thread is started as a worker thread by ThreadLedger');

serveLedger({
  port: parentPort,
  clock: systemClock,
  open: (hooks) =>
    openLedgerStore({
      ...(workerData as ThreadOptions),
      ...hooks,
      clock: systemClock,
      logic: ALERT_LOGIC,
    }),
});
