import { write } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../domain/clock.ts';
import type { ThreadOptions } from '../../ledger/thread/protocol.ts';
import { openLedgerStore } from '../../ledger/sqlite/ledger-store.ts';
import { portLogger, serveLedger } from '../../ledger/thread/server.ts';
import { watchHeartbeat } from './loop-heartbeat.ts';

/** How long the last line of the log may take. */
const LAST_LINE_MS = 500;
const STDERR = 2;

const port = parentPort;
if (port === null) throw new Error('ledger-thread is started as a worker thread by ThreadLedger');

const logger = portLogger((message) => port.postMessage(message));
const { heartbeat, ...options } = workerData as ThreadOptions;
if (heartbeat !== undefined) watchHeartbeat(heartbeat, { clock: systemClock, logger }, endProcess);

serveLedger({
  port,
  clock: systemClock,
  open: (hooks) => openLedgerStore({ ...options, ...hooks, clock: systemClock }),
});

/**
 * A stuck event loop handles no request and no signal: only a restart by the supervisor helps. SIGKILL, because a
 * normal exit waits for that loop. Everything that was answered with 200 is on disk.
 */
function endProcess(seconds: number): void {
  const entry = {
    level: 'fatal',
    time: new Date().toISOString(),
    seconds,
    msg: 'the event loop is stuck; killing the process with SIGKILL',
  };
  const kill = () => process.kill(process.pid, 'SIGKILL');
  // not written by this thread itself: a stopped terminal would block it
  setTimeout(kill, LAST_LINE_MS);
  write(STDERR, `${JSON.stringify(entry)}\n`, kill);
}
