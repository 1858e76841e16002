// A process with a ledger under load: `node load.mjs PATH FIRST_ID`. Sixteen deliveries are always under way,
// each of one alert with a unique id. It prints `ack ID` for what was committed and `no ID` for what was not.
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { ThreadLedger } from '../../../../dist/ledger/thread/client.js';

const [, , path, firstId] = process.argv;
const quiet = () => undefined;
const ledger = await ThreadLedger.start({
  threadUrl: new URL('../../../../dist/app/threads/ledger-thread.js', import.meta.url),
  path,
  node: 'load',
  retention: { eventsMs: 86_400_000, historyMs: 86_400_000 },
  toleranceMs: 60_000,
  logger: { debug: quiet, info: quiet, warn: quiet, error: quiet },
});
process.stdout.setMaxListeners(0);

/** Resolves when the reader, which may be slower, has room for more. */
async function print(line) {
  if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain');
}
await print('ready');

let next = Number(firstId);
async function work() {
  for (;;) {
    const id = next++;
    const alert = {
      status: 'firing',
      labels: { alertname: 'Load', id: String(id) },
      annotations: { text: 'x'.repeat(300) },
      startsAt: '2026-01-01T00:00:00Z',
    };
    const body = Buffer.from(
      JSON.stringify({ version: '4', receiver: 'r', groupKey: String(id), alerts: [alert] }),
    );
    try {
      await ledger.intake({
        webhook: 'main',
        body,
        receivedAt: Date.now(),
        source: 'test',
        userAgent: 'test',
      });
      await print(`ack ${id}`);
    } catch {
      await print(`no ${id}`);
      await pause(20);
    }
  }
}
await Promise.all(Array.from({ length: 16 }, work));
