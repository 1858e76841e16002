import type { Clock } from '../../domain/clock.ts';
import type { EpisodeAction } from '../../alerts/episode.ts';
import type { NewEvent } from '../../domain/event.ts';
import type { AcknowledgeResult, AlertRules, RunRecord } from '../ledger.ts';
import type { Backend, LedgerStore, Retention, StoreHooks } from '../thread/protocol.ts';
import { UnreadableRows } from '../unreadable-rows.ts';
import { createWork, takeDelivery, type Work } from './alert-service.ts';
import { AlertCounting } from './episodes/alert-stats.ts';
import { DeliveryStore } from './intake/delivery-store.ts';
import { EpisodeReader } from './episodes/episode-reader.ts';
import type { TextsOf } from './episodes/episode-row.ts';
import { EpisodeRepair } from './episodes/episode-repair.ts';
import { EpisodeStore } from './episodes/episode-store.ts';
import { EventLog } from './events/event-log.ts';
import { EventReader } from './events/event-reader.ts';
import type { AlertFunctions } from './alert-functions.ts';
import { LastRunStore } from './runs/last-run-store.ts';
import { LogRoom } from './database/wal-limit.ts';
import { Meta } from './database/meta.ts';
import { Names } from './database/string-table.ts';
import { OpenAlerts } from './episodes/open-alerts.ts';
import { openStore, type OpenStore } from './database/open-database.ts';
import { QuarantineStore, type QuarantineLimits } from './intake/quarantine-store.ts';
import { RetentionSweep, type PruneSlice } from './database/retention.ts';
import { RunStore } from './runs/run-store.ts';
import { SegmentReader } from './events/segment-reader.ts';
import { SinkStore } from './events/sink-store.ts';
import { StagedRows } from './intake/staged-commit.ts';
import { StagedEvents } from './intake/staging.ts';
import { SuppressedStore } from './episodes/suppressed-store.ts';
import { WatchdogSightings } from './episodes/watchdog-sightings.ts';
import { Writer } from './database/writer.ts';

export interface LedgerStoreOptions extends StoreHooks {
  readonly path: string;
  readonly toleranceMs: number;
  readonly rules?: AlertRules;
  readonly retention: Retention;
  /** Absent: all of them as they are. */
  readonly alertFunctions?: Partial<AlertFunctions>;
  readonly clock: Clock;
  readonly limits?: Partial<StoreLimits>;
}

export interface StoreLimits {
  /** Limit for stored bodies, bytes. */
  readonly bodyBytes: number;
  readonly quarantine: QuarantineLimits;
  /** Limit for the series of `unacknowledged` in the summary. */
  readonly series: number;
}

/** Approximate size of one event or run in a commit, bytes. */
const EVENT_COST = 500;
const RUN_COST = 500;

const LIMITS: StoreLimits = {
  bodyBytes: 2 ** 30,
  quarantine: { entries: 1_000, bytes: 64 * 2 ** 20 },
  series: 1_000,
};

/**
 * Opens the ledger on SQLite. Everything runs on the calling thread, which should be a worker.
 * @throws LedgerStartError if the file cannot be used
 */
export function openLedgerStore(options: LedgerStoreOptions): LedgerStore {
  const { clock, logger } = options;
  const store = openStore(options.path);
  const meta = new Meta(store.database);
  const rows = new StagedRows(store.database, meta);
  store.database.transaction(() => finishDecided(rows))();
  const unreadable = new UnreadableRows(logger);
  const parts = createParts(store, {
    unreadable,
    limits: { ...LIMITS, ...options.limits },
    retention: options.retention,
    meta,
  });
  store.database.transaction(() => takeBackUndecided(rows, parts.deliveries))();
  const { events, open, counting, sightings } = parts;
  const writer = createWriter(store, parts, rows, options);
  const work = createWork({ parts, writer, rows, options, database: store.database });
  const sweep = new RetentionSweep({
    ...{ clock, logger },
    // rows that a large delivery has copied must not change: retry when it is complete
    submit: (run) => writer.submit(0, () => work.large.underWay || run()),
    prunes: prunesOf(parts, options.retention),
  });
  unreadable.watch(options.onCommit);
  return {
    calls: createCalls(parts, writer, work, options.onCommit),
    summary: () => ({
      ...open.summary(),
      ...writer.numbers,
      transitions: { ...work.transitions },
      epoch: store.epoch,
      totals: counting.totals(),
      watchdogs: sightings.summary(),
      unreadableRows: { ...unreadable.counts },
      lastOffset: events.last,
      fileBytes: store.identity.bytes(),
    }),
    close: () => {
      sweep.stop();
      work.timers.stop();
      work.large.stop();
      writer.close();
      store.close();
    },
  };
}

/** The writer, and everything that takes part in its commits. */
function createWriter(
  { database, path, identity }: OpenStore,
  parts: Parts,
  rows: StagedRows,
  { clock, logger, onWritable, onForeignWrite, onCommit }: LedgerStoreOptions,
): Writer {
  const { events, stagedEvents, episodes, deliveries, open, counting, sightings, names } = parts;
  const room = new LogRoom(database, path);
  return new Writer({
    database,
    participants: [events, stagedEvents, episodes, deliveries, open, counting, sightings, names, rows],
    clock,
    logger,
    onWritable,
    onForeignWrite,
    obstacle: () => identity.problem(),
    beforeCommit: () => {
      events.seal();
      stagedEvents.seal();
    },
    onCommit: () => {
      room.adjust();
      episodes.apply();
      open.apply();
      counting.apply();
      sightings.apply();
      onCommit();
    },
  });
}

/** Completes a large delivery that was decided before an earlier process ended. */
function finishDecided(rows: StagedRows): void {
  if (!rows.decided) return;
  while (rows.move());
  rows.clear();
}

/** Removes the rows of a large delivery that was still undecided when an earlier process ended. */
function takeBackUndecided(rows: StagedRows, deliveries: DeliveryStore): void {
  if (rows.undecided === 0) return;
  deliveries.removeParts(rows.undecided);
  rows.clear();
}

interface Parts {
  readonly names: Names;
  readonly events: EventLog;
  readonly stagedEvents: StagedEvents;
  readonly eventReader: EventReader;
  readonly episodes: EpisodeStore;
  readonly episodeReader: EpisodeReader;
  readonly deliveries: DeliveryStore;
  readonly quarantine: QuarantineStore;
  readonly runs: RunStore;
  readonly lastRuns: LastRunStore;
  readonly sinks: SinkStore;
  readonly open: OpenAlerts;
  readonly counting: AlertCounting;
  readonly sightings: WatchdogSightings;
  readonly suppressed: SuppressedStore;
  readonly unreadable: UnreadableRows;
}

interface PartOptions {
  readonly limits: StoreLimits;
  readonly retention: Retention;
  readonly meta: Meta;
  readonly unreadable: UnreadableRows;
}

function createParts(
  { database, epoch }: OpenStore,
  { limits, retention, meta, unreadable }: PartOptions,
): Parts {
  const names = new Names(database);
  const segments = new SegmentReader(database);
  const events = new EventLog(database, { names, meta, segments, unreadable });
  const textsOf: TextsOf = (event) => events.texts(event);
  const quarantine = new QuarantineStore(database, { limits: limits.quarantine, unreadable });
  const repair = new EpisodeRepair(database, { quarantine, textsOf });
  const episodes = new EpisodeStore(database, { meta, textsOf, unreadable, repair });
  const sightings = new WatchdogSightings(meta);
  const episodeReader = new EpisodeReader(database, { names, episodes, textsOf, unreadable });
  const source = { all: () => episodeReader.open(), one: (id: number) => episodeReader.openOne(id) };
  const open = new OpenAlerts({ maxSeries: limits.series, source, watchdogs: sightings });
  return {
    names,
    events,
    stagedEvents: new StagedEvents(database, names),
    eventReader: new EventReader(database, { log: events, names, segments, unreadable, epoch, episodes }),
    episodes,
    episodeReader,
    deliveries: new DeliveryStore(database, { maxBytes: limits.bodyBytes, unreadable }),
    quarantine,
    runs: new RunStore(database, names, retention),
    lastRuns: new LastRunStore(database, { names, unreadable }),
    sinks: new SinkStore(database, { log: events, epoch, unreadable }),
    open,
    counting: new AlertCounting(),
    sightings,
    suppressed: new SuppressedStore(database),
    unreadable,
  };
}

function createCalls(parts: Parts, writer: Writer, work: Work, onChange: () => void): Backend {
  const { events, runs, quarantine } = parts;
  const { actions, large } = work;
  // while the rows of a large delivery are moved, queries wait: none sees half a delivery
  const whole = async <T>(ask: () => T): Promise<T> => {
    await large.whole();
    return ask();
  };
  const act = async (id: string, action: EpisodeAction): Promise<AcknowledgeResult> => {
    await large.settled();
    return writer.submit(0, () => actions.run(id, action));
  };
  return {
    intake: (delivery) => takeDelivery(writer, work, delivery),
    append: (list) => writer.submit(list.length * EVENT_COST, () => appendAll(events, list)),
    recordRuns: (list) => writer.submit(list.length * RUN_COST, () => insertAll(parts, list)),
    events: (query) => whole(() => parts.eventReader.slice(query)),
    alerts: (query) => whole(() => parts.episodeReader.list(query)),
    alert: (id) => whole(() => parts.episodeReader.get(id)),
    acknowledge: ({ id, acknowledgement }) => act(id, { kind: 'acknowledge', acknowledgement }),
    unacknowledge: ({ id, at }) => act(id, { kind: 'unacknowledge', at }),
    reconcile: (listings) => work.reconciler.run(listings),
    quarantine: (query) => quarantine.list(query),
    quarantineEntry: (id) => quarantine.get(id),
    dropQuarantined: (id) => writer.submit(0, () => quarantine.drop(id)),
    configure: (rules) =>
      whole(() => {
        work.configure(rules);
        onChange();
        return undefined;
      }),
    deliveries: (query) => parts.deliveries.list(query),
    openSink: (sink) => writer.submit(0, () => parts.sinks.open(sink)),
    saveSink: (progress) => writer.submit(0, () => parts.sinks.save(progress)),
    deadLetters: (sink) => parts.sinks.deadLetters(sink),
    history: (query) => runs.history(query),
    lastRuns: (since) => parts.lastRuns.since(since),
  };
}

function prunesOf(parts: Parts, { eventsMs, historyMs }: Retention): readonly PruneSlice[] {
  return [
    // episodes first: those that stay keep the texts of their events
    (now, slice) => parts.episodes.prune(now - eventsMs, slice),
    (now, slice) => parts.events.prune(now - eventsMs, slice),
    (now, slice) => parts.deliveries.prune(now - historyMs, slice),
    (now, slice) => parts.runs.prune(now, slice),
    (now) => parts.lastRuns.prune(now - eventsMs),
  ];
}

function appendAll(log: EventLog, events: readonly NewEvent[]): number {
  for (const { type, subject, time, data } of events) {
    log.append({ type, subject, time, data: JSON.stringify(data) });
  }
  return events.length;
}

function insertAll(parts: Pick<Parts, 'runs' | 'lastRuns'>, runs: readonly RunRecord[]): number {
  for (const run of runs) {
    parts.runs.insert(run);
    parts.lastRuns.insert(run);
  }
  return runs.length;
}
