import type { CloudEvent } from '../../domain/event.ts';
import { PastCluster, type HistoryOptions } from '../../checks/health/history.ts';
import type { EventPage, Ledger } from '../../ledger/ledger.ts';
import { toChunks } from '../reads/chunks.ts';
import type { ReadResponder } from '../reads/read-responder.ts';

interface HistoryDeps {
  readonly ledger: Pick<Ledger, 'events'>;
  readonly reads: Pick<ReadResponder, 'queryLedger' | 'nextTurn'>;
}

export interface HistoryRequest {
  readonly limit: number;
  readonly options: HistoryOptions;
}

/** Events that are queried at a time. */
const PAGE = 50;
const PAGE_BYTES = 64 * 1_024;
/** The answer ends after the snapshot that reaches this size. */
const MAX_BYTES = 16 * 2 ** 20;

/** The answer of `/history`, created as it is read: `history`, newest first, `count`, and whether there is more. */
export async function* historyChunks(
  deps: HistoryDeps,
  { limit, options }: HistoryRequest,
): AsyncGenerator<Buffer, undefined> {
  await deps.reads.nextTurn();
  const past = new PastCluster(options);
  const progress = { snapshots: 0, bytes: 0, isCut: false };
  yield Buffer.from('{"history":[');
  for await (const events of changes(deps)) {
    await deps.reads.nextTurn();
    for (const chunk of toChunks(snapshots(events))) {
      progress.bytes += chunk.byteLength;
      yield chunk;
      await deps.reads.nextTurn();
    }
    if (progress.isCut) break;
  }
  yield Buffer.from(`],"count":${progress.snapshots},"truncated":${progress.isCut}}\n`);

  function* snapshots(events: readonly CloudEvent[]): Generator<string, undefined> {
    for (const event of events) {
      progress.isCut = progress.snapshots >= limit || progress.bytes >= MAX_BYTES;
      if (progress.isCut) return;
      const before = progress.snapshots > 0 ? ',' : '';
      let pieces = 0;
      for (const piece of past.at(event)) {
        yield pieces === 0 ? before + piece : piece;
        pieces += 1;
      }
      // an event of another version has no snapshot
      if (pieces > 0) progress.snapshots += 1;
    }
  }
}

/** The changes of checks, newest first, a page at a time. */
async function* changes({ ledger, reads }: HistoryDeps): AsyncGenerator<readonly CloudEvent[], undefined> {
  const query = { type: 'tocsin.check.*', order: 'desc', limit: PAGE, maxBytes: PAGE_BYTES } as const;
  let below: string | undefined;
  for (;;) {
    const ask = { ...query, ...(below !== undefined && { below }) };
    const page: EventPage = await reads.queryLedger(JSON.stringify(ask), () => ledger.events(ask));
    if ('gone' in page) return;
    yield page.events;
    const last = page.events.at(-1);
    if (last === undefined) return;
    below = last.id;
  }
}
