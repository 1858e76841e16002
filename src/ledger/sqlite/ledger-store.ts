import type { Clock } from '../../domain/clock.ts';
import type { EpisodeAction } from '../../alerts/episode.ts';
import type { NewEvent } from '../../domain/event.ts';
import type { AcknowledgeResult, AlertRules, RunRecord } from '../ledger.ts';
import type { CallHandlers, LedgerStore, Retention, StoreHooks } from '../thread/protocol.ts';
import { UnreadableRows } from '../unreadable-rows.ts';
import { createAlertService, processDelivery, type AlertService } from './alert-service.ts';
import { AlertStats } from './episodes/alert-stats.ts';
import { DeliveryStore } from './intake/delivery-store.ts';
import { EpisodeReader } from './episodes/episode-reader.ts';
import type { AlertTextsOf } from './episodes/episode-row.ts';
import { EpisodeRepair } from './episodes/episode-repair.ts';
import { EpisodeStore } from './episodes/episode-store.ts';
import { EventLog } from './events/event-log.ts';
import { EventReader } from './events/event-reader.ts';
import type { AlertFunctions } from './alert-functions.ts';
import { LastRunStore } from './runs/last-run-store.ts';
import { WalLimit } from './database/wal-limit.ts';
import { MetaTable } from './database/meta-table.ts';
import { StringTable } from './database/string-table.ts';
import { OpenAlerts } from './episodes/open-alerts.ts';
import { openStore, type OpenStore } from './database/open-database.ts';
import { QuarantineStore, type QuarantineLimits } from './intake/quarantine-store.ts';
import { RetentionSweep, type PruneSlice } from './database/retention.ts';
import { RunStore } from './runs/run-store.ts';
import { SegmentReader } from './events/segment-reader.ts';
import { SinkStore } from './events/sink-store.ts';
import { StagedCommit } from './intake/staged-commit.ts';
import { StagedEvents } from './intake/staged-tables.ts';
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
  const meta = new MetaTable(store.database);
  const stagedCommit = new StagedCommit(store.database, meta);
  store.database.transaction(() => completeDecided(stagedCommit))();
  const unreadable = new UnreadableRows(logger);
  const parts = createParts(store, {
    unreadable,
    limits: { ...LIMITS, ...options.limits },
    retention: options.retention,
    meta,
  });
  store.database.transaction(() => removeUndecided(stagedCommit, parts.deliveries))();
  const { events, open, stats, sightings } = parts;
  const writer = createWriter(store, parts, stagedCommit, options);
  const alertService = createAlertService({ parts, writer, stagedCommit, options, database: store.database });
  const sweep = new RetentionSweep({
    ...{ clock, logger },
    // rows that a large delivery has copied must not change: retry when it is complete
    submit: (run) => writer.submit(0, () => alertService.large.inProgress || run()),
    prunes: prunesOf(parts, options.retention),
  });
  unreadable.onChange(options.onCommit);
  return {
    calls: createCalls(parts, writer, alertService, options.onCommit),
    summary: () => ({
      ...open.summary(),
      ...writer.numbers,
      transitions: { ...alertService.transitions },
      epoch: store.epoch,
      totals: stats.totals(),
      watchdogs: sightings.summary(),
      unreadableRows: { ...unreadable.counts },
      lastOffset: events.last,
      fileBytes: store.identity.bytes(),
    }),
    close: () => {
      sweep.stop();
      alertService.timers.stop();
      alertService.large.stop();
      writer.close();
      store.close();
    },
  };
}

/** The writer, and everything that takes part in its commits. */
function createWriter(
  { database, path, identity }: OpenStore,
  parts: StoreParts,
  stagedCommit: StagedCommit,
  { clock, logger, onWritable, onForeignWrite, onCommit }: LedgerStoreOptions,
): Writer {
  const { events, stagedEvents, episodes, deliveries, open, stats, sightings, strings } = parts;
  const walLimit = new WalLimit(database, path);
  return new Writer({
    database,
    participants: [events, stagedEvents, episodes, deliveries, open, stats, sightings, strings, stagedCommit],
    clock,
    logger,
    onWritable,
    onForeignWrite,
    unwritableReason: () => identity.findProblem(),
    beforeCommit: () => {
      events.flush();
      stagedEvents.flush();
    },
    onCommit: () => {
      walLimit.adjust();
      episodes.applyCommitted();
      open.applyCommitted();
      stats.applyCommitted();
      sightings.applyCommitted();
      onCommit();
    },
  });
}

/** Completes a large delivery that was decided before an earlier process ended. */
function completeDecided(stagedCommit: StagedCommit): void {
  if (!stagedCommit.decided) return;
  while (stagedCommit.moveSlice());
  stagedCommit.clear();
}

/** Removes the rows of a large delivery that was still undecided when an earlier process ended. */
function removeUndecided(stagedCommit: StagedCommit, deliveries: DeliveryStore): void {
  if (stagedCommit.undecided === 0) return;
  deliveries.removeParts(stagedCommit.undecided);
  stagedCommit.clear();
}

interface StoreParts {
  readonly strings: StringTable;
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
  readonly stats: AlertStats;
  readonly sightings: WatchdogSightings;
  readonly suppressed: SuppressedStore;
  readonly unreadable: UnreadableRows;
}

interface PartOptions {
  readonly limits: StoreLimits;
  readonly retention: Retention;
  readonly meta: MetaTable;
  readonly unreadable: UnreadableRows;
}

function createParts(
  { database, epoch }: OpenStore,
  { limits, retention, meta, unreadable }: PartOptions,
): StoreParts {
  const strings = new StringTable(database);
  const segments = new SegmentReader(database);
  const events = new EventLog(database, { strings, meta, segments, unreadable });
  const textsOf: AlertTextsOf = (event) => events.texts(event);
  const quarantine = new QuarantineStore(database, { limits: limits.quarantine, unreadable });
  const repair = new EpisodeRepair(database, { quarantine, textsOf });
  const episodes = new EpisodeStore(database, { meta, textsOf, unreadable, repair });
  const sightings = new WatchdogSightings(meta);
  const episodeReader = new EpisodeReader(database, { strings, episodes, textsOf, unreadable });
  const source = { all: () => episodeReader.open(), one: (id: number) => episodeReader.openEpisode(id) };
  const open = new OpenAlerts({ maxSeries: limits.series, source, watchdogs: sightings });
  return {
    strings,
    events,
    stagedEvents: new StagedEvents(database, strings),
    eventReader: new EventReader(database, { log: events, strings, segments, unreadable, epoch, episodes }),
    episodes,
    episodeReader,
    deliveries: new DeliveryStore(database, { maxBytes: limits.bodyBytes, unreadable }),
    quarantine,
    runs: new RunStore(database, strings, retention),
    lastRuns: new LastRunStore(database, { names: strings, unreadable }),
    sinks: new SinkStore(database, { log: events, epoch, unreadable }),
    open,
    stats: new AlertStats(),
    sightings,
    suppressed: new SuppressedStore(database),
    unreadable,
  };
}

function createCalls(
  parts: StoreParts,
  writer: Writer,
  alertService: AlertService,
  onChange: () => void,
): CallHandlers {
  const { events, runs, quarantine } = parts;
  const { actions, large } = alertService;
  // while the rows of a large delivery are moved, queries wait: none sees half a delivery
  const whenConsistent = async <T>(ask: () => T): Promise<T> => {
    await large.whenConsistent();
    return ask();
  };
  const act = async (id: string, action: EpisodeAction): Promise<AcknowledgeResult> => {
    await large.whenIdle();
    return writer.submit(0, () => actions.apply(id, action));
  };
  return {
    intake: (delivery) => processDelivery(writer, alertService, delivery),
    append: (list) => writer.submit(list.length * EVENT_COST, () => appendAll(events, list)),
    recordRuns: (list) => writer.submit(list.length * RUN_COST, () => insertAll(parts, list)),
    events: (query) => whenConsistent(() => parts.eventReader.slice(query)),
    alerts: (query) => whenConsistent(() => parts.episodeReader.list(query)),
    alert: (id) => whenConsistent(() => parts.episodeReader.get(id)),
    acknowledge: ({ id, acknowledgement }) => act(id, { kind: 'acknowledge', acknowledgement }),
    unacknowledge: ({ id, at }) => act(id, { kind: 'unacknowledge', at }),
    reconcile: (snapshot) => alertService.reconciler.reconcile(snapshot),
    quarantine: (query) => quarantine.list(query),
    quarantineEntry: (id) => quarantine.get(id),
    dropQuarantined: (id) => writer.submit(0, () => quarantine.drop(id)),
    configure: (rules) =>
      whenConsistent(() => {
        alertService.configure(rules);
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

function prunesOf(parts: StoreParts, { eventsMs, historyMs }: Retention): readonly PruneSlice[] {
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

function insertAll(parts: Pick<StoreParts, 'runs' | 'lastRuns'>, runs: readonly RunRecord[]): number {
  for (const run of runs) {
    parts.runs.insert(run);
    parts.lastRuns.insert(run);
  }
  return runs.length;
}
