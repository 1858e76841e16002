import { statSync } from 'node:fs';
import type { Clock } from '../../domain/clock.ts';
import type { NewEvent } from '../../domain/event.ts';
import type { Logger } from '../../domain/log.ts';
import type { IntakeResult, LedgerSummary, RawDelivery, RunRecord } from '../ledger.ts';
import type { Backend, Retention } from '../protocol.ts';
import { DeliveryStore } from './delivery-store.ts';
import { EpisodeReader } from './episode-reader.ts';
import { EpisodeStore } from './episode-store.ts';
import { EventLog } from './event-log.ts';
import { EventReader } from './event-reader.ts';
import { Intake, type AlertLogic } from './intake.ts';
import { Meta } from './meta.ts';
import { Names } from './names.ts';
import { OpenAlerts } from './open-alerts.ts';
import { openStore, type OpenStore } from './open.ts';
import { QuarantineStore, type QuarantineLimits } from './quarantine-store.ts';
import { RetentionSweep, type PruneSlice } from './retention.ts';
import { RunStore } from './run-store.ts';
import { Writer } from './writer.ts';

export interface LedgerStoreOptions {
  readonly path: string;
  readonly toleranceMs: number;
  readonly retention: Retention;
  readonly logic: AlertLogic;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onCommit: () => void;
  readonly onWritable: (writable: boolean) => void;
  readonly limits?: Partial<StoreLimits>;
}

export interface StoreLimits {
  /** Bytes of bodies that are kept. */
  readonly bodyBytes: number;
  readonly quarantine: QuarantineLimits;
  /** Series of `unacknowledged` in the summary. */
  readonly series: number;
}

/** About what one brings to a commit, in bytes. */
const EVENT_COST = 500;
const RUN_COST = 100;

const LIMITS: StoreLimits = {
  bodyBytes: 2 ** 30,
  quarantine: { entries: 1_000, bytes: 64 * 2 ** 20 },
  series: 1_000,
};

export interface LedgerStore {
  readonly calls: Backend;
  readonly summary: () => LedgerSummary;
  /** Commits what waits and closes the file. */
  readonly close: () => void;
}

/**
 * Opens the ledger on SQLite. Everything runs on the thread that calls it: its place is a worker.
 * @throws LedgerOpenError when the file cannot be used
 */
export function openLedgerStore(options: LedgerStoreOptions): LedgerStore {
  const { clock, logger } = options;
  const store = openStore(options.path);
  const parts = createParts(store, { ...LIMITS, ...options.limits });
  const { events, open } = parts;
  const writer = new Writer({
    database: store.database,
    participants: [events, parts.episodes, parts.deliveries, open, parts.names],
    clock,
    logger,
    onWritable: options.onWritable,
    onCommit: () => {
      open.apply();
      options.onCommit();
    },
  });
  const sweep = new RetentionSweep({
    clock,
    submit: (run) => writer.submit(0, run),
    prunes: prunesOf(parts, options.retention),
  });
  return {
    calls: createCalls(parts, writer, options),
    summary: () => ({
      ...open.summary(),
      ...writer.numbers,
      lastOffset: events.last,
      fileBytes: fileBytes(options.path),
    }),
    close: () => {
      sweep.stop();
      writer.close();
      store.close();
    },
  };
}

interface Parts {
  readonly names: Names;
  readonly events: EventLog;
  readonly eventReader: EventReader;
  readonly episodes: EpisodeStore;
  readonly episodeReader: EpisodeReader;
  readonly deliveries: DeliveryStore;
  readonly quarantine: QuarantineStore;
  readonly runs: RunStore;
  readonly open: OpenAlerts;
}

function createParts({ database, epoch }: OpenStore, limits: StoreLimits): Parts {
  const names = new Names(database);
  const meta = new Meta(database);
  const events = new EventLog(database, names, meta);
  const episodeReader = new EpisodeReader(database);
  const open = new OpenAlerts(limits.series);
  for (const episode of episodeReader.open()) open.note({ ...episode, open: true });
  open.apply();
  return {
    names,
    events,
    eventReader: new EventReader(database, { log: events, names, epoch }),
    episodes: new EpisodeStore(database, meta),
    episodeReader,
    deliveries: new DeliveryStore(database, limits.bodyBytes),
    quarantine: new QuarantineStore(database, limits.quarantine),
    runs: new RunStore(database, names),
    open,
  };
}

function createCalls(parts: Parts, writer: Writer, options: LedgerStoreOptions): Backend {
  const { events, runs, open } = parts;
  const intake = new Intake({
    ...parts,
    logic: options.logic,
    toleranceNs: BigInt(options.toleranceMs) * 1_000_000n,
    logger: options.logger,
    guard: (run) => writer.guard(run),
    onChange: (change) => open.note(change),
  });
  return {
    intake: (delivery) => takeDelivery({ writer, intake, logic: options.logic }, delivery),
    append: (list) => writer.submit(list.length * EVENT_COST, () => appendAll(events, list)),
    recordRuns: (list) => writer.submit(list.length * RUN_COST, () => insertAll(runs, list)),
    events: (query) => parts.eventReader.slice(query),
    alerts: (query) => parts.episodeReader.list(query),
    alert: (id) => parts.episodeReader.get(id),
    deliveries: (limit) => parts.deliveries.list(limit),
    history: (query) => runs.history(query),
  };
}

function prunesOf(parts: Parts, { eventsMs, historyMs }: Retention): readonly PruneSlice[] {
  return [
    (now, slice) => parts.events.prune(now - eventsMs, slice),
    (now, slice) => parts.episodes.prune(now - eventsMs, slice),
    (now, slice) => parts.deliveries.prune(now - historyMs, slice),
    (now, slice) => parts.runs.prune(now, historyMs, slice),
  ];
}

/** What a body is does not depend on the disk: a malformed one is told so even when nothing can be stored. */
async function takeDelivery(
  { writer, intake, logic }: { writer: Writer; intake: Intake; logic: AlertLogic },
  delivery: RawDelivery,
): Promise<IntakeResult> {
  try {
    return await writer.submit(delivery.body.byteLength, () => intake.take(delivery));
  } catch (error) {
    const parsed = logic.parse(delivery.body);
    if (parsed.ok) throw error;
    return { outcome: 'malformed', pointer: parsed.pointer, detail: parsed.detail };
  }
}

function appendAll(log: EventLog, events: readonly NewEvent[]): number {
  for (const { type, subject, time, data } of events) {
    log.append({ type, subject, time, data: JSON.stringify(data) });
  }
  return events.length;
}

function insertAll(store: RunStore, runs: readonly RunRecord[]): number {
  for (const run of runs) store.insert(run);
  return runs.length;
}

function fileBytes(path: string): number {
  return [path, `${path}-wal`].reduce(
    (sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}
