import type { CloudEvent } from '../../domain/event.ts';
import { PastCluster, type HistoryOptions } from '../../checks/health/history.ts';
import type { EventPage, Ledger } from '../../ledger/ledger.ts';
import { gather } from '../reads/chunks.ts';
import type { Reads } from '../reads/reads.ts';

interface HistoryDeps {
  readonly ledger: Pick<Ledger, 'events'>;
  readonly reads: Pick<Reads, 'ask' | 'turn'>;
}

export interface HistoryQuestion {
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
  { limit, options }: HistoryQuestion,
): AsyncGenerator<Buffer, undefined> {
  await deps.reads.turn();
  const past = new PastCluster(options);
  const told = { snapshots: 0, bytes: 0, isCut: false };
  yield Buffer.from('{"history":[');
  for await (const events of changes(deps)) {
    await deps.reads.turn();
    for (const chunk of gather(snapshots(events))) {
      told.bytes += chunk.byteLength;
      yield chunk;
      await deps.reads.turn();
    }
    if (told.isCut) break;
  }
  yield Buffer.from(`],"count":${told.snapshots},"truncated":${told.isCut}}\n`);

  function* snapshots(events: readonly CloudEvent[]): Generator<string, undefined> {
    for (const event of events) {
      told.isCut = told.snapshots >= limit || told.bytes >= MAX_BYTES;
      if (told.isCut) return;
      const before = told.snapshots > 0 ? ',' : '';
      let pieces = 0;
      for (const piece of past.at(event)) {
        yield pieces === 0 ? before + piece : piece;
        pieces += 1;
      }
      // an event of another version has no snapshot
      if (pieces > 0) told.snapshots += 1;
    }
  }
}

/** The changes of checks, newest first, a page at a time. */
async function* changes({ ledger, reads }: HistoryDeps): AsyncGenerator<readonly CloudEvent[], undefined> {
  const query = { type: 'tocsin.check.*', order: 'desc', limit: PAGE, maxBytes: PAGE_BYTES } as const;
  let below: string | undefined;
  for (;;) {
    const ask = { ...query, ...(below !== undefined && { below }) };
    const page: EventPage = await reads.ask(JSON.stringify(ask), () => ledger.events(ask));
    if ('gone' in page) return;
    yield page.events;
    const last = page.events.at(-1);
    if (last === undefined) return;
    below = last.id;
  }
}
