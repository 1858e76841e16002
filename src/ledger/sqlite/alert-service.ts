import type { Transition } from '../../domain/event.ts';
import { parseInSlices } from '../../alerts/parse-delivery.ts';
import type { Clock } from '../../domain/clock.ts';
import type { Logger } from '../../domain/log.ts';
import { LedgerUnavailableError, type AlertRules, type IntakeResult, type RawDelivery } from '../ledger.ts';
import type { UnreadableRows } from '../unreadable-rows.ts';
import { ALERT_FUNCTIONS, type AlertFunctions } from './alert-functions.ts';
import { AlertActions } from './episodes/alert-actions.ts';
import type { AlertCounting } from './episodes/alert-stats.ts';
import { AlertRecorder } from './intake/alert-recorder.ts';
import { AlertTimers } from './episodes/alert-timers.ts';
import type { DeliveryStore } from './intake/delivery-store.ts';
import type { EpisodeReader } from './episodes/episode-reader.ts';
import type { EpisodeStore } from './episodes/episode-store.ts';
import type { EventLog } from './events/event-log.ts';
import { Intake } from './intake/intake.ts';
import { LargeIntake } from './intake/large-intake.ts';
import type { Names } from './database/string-table.ts';
import type { EpisodeChange, OpenAlerts } from './episodes/open-alerts.ts';
import type { Sqlite } from './database/open-database.ts';
import type { QuarantineStore } from './intake/quarantine-store.ts';
import { ReceiverNames } from './intake/receiver-names.ts';
import { Reconciler } from './episodes/reconciler.ts';
import { SenderAddresses } from './intake/sender-addresses.ts';
import type { StagedRows } from './intake/staged-commit.ts';
import { StagedEpisodes, type StagedEvents } from './intake/staging.ts';
import type { SuppressedStore } from './episodes/suppressed-store.ts';
import type { WatchdogSightings } from './episodes/watchdog-sightings.ts';
import type { Writer } from './database/writer.ts';

/** Larger bodies are processed in slices, so that no one waits for a whole one. */
const LARGE_BYTES = 256 * 1024;
const HELD_MS = 360_000;
const EXPIRE_MS = 24 * 3_600_000;

interface WorkSettings {
  readonly toleranceMs: number;
  readonly rules?: AlertRules;
  readonly alertFunctions?: Partial<AlertFunctions>;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface WorkParts {
  readonly names: Names;
  readonly events: EventLog;
  readonly stagedEvents: StagedEvents;
  readonly episodes: EpisodeStore;
  readonly episodeReader: EpisodeReader;
  readonly deliveries: DeliveryStore;
  readonly quarantine: QuarantineStore;
  readonly open: OpenAlerts;
  readonly counting: AlertCounting;
  readonly sightings: WatchdogSightings;
  readonly suppressed: SuppressedStore;
  readonly unreadable: UnreadableRows;
}

/** Everything that changes alerts: deliveries, large deliveries, actions of people, and timers. */
export interface Work {
  readonly intake: Intake;
  readonly large: LargeIntake;
  readonly actions: AlertActions;
  readonly timers: AlertTimers;
  readonly parse: AlertFunctions['parse'];
  readonly reconciler: Reconciler;
  readonly configure: (rules: AlertRules) => void;
  /** Transitions not caused by a delivery, since the start. */
  readonly transitions: Partial<Record<Transition, number>>;
}

interface WorkOptions {
  readonly parts: WorkParts;
  readonly writer: Writer;
  readonly rows: StagedRows;
  readonly options: WorkSettings;
  readonly database: Sqlite;
}

/** Wires up everything that changes alerts. */
export function createWork(given: WorkOptions): Work {
  const { parts, writer, rows, options, database } = given;
  const { logger, clock } = options;
  const { parse, deliveryId, advance } = { ...ALERT_FUNCTIONS, ...options.alertFunctions };
  const { toleranceMs } = options;
  let rules = options.rules ?? { toleranceMs, staleHoldMs: HELD_MS, expireAfterMs: EXPIRE_MS, senders: {} };
  const { counting, sightings } = parts;
  const shared = { advance, rules: () => rules, counting, sightings };
  const { episodes, events, stagedEvents, open, names, deliveries, quarantine } = parts;
  const guard = <T>(run: () => T) => writer.guard(run);
  const recorder = new AlertRecorder({
    ...shared,
    episodes,
    events,
    onChange: (change) => open.note(change),
  });
  const receivers = new ReceiverNames(names);
  const senders = new SenderAddresses({ logger, rules: () => rules });
  const intake = new Intake({
    ...{ deliveryId, names, receivers, senders, recorder, deliveries, quarantine, logger, guard },
  });
  const stagedEpisodes = new StagedEpisodes(database, episodes);
  const changes: EpisodeChange[] = [];
  const onChange = (change: EpisodeChange) => void changes.push(change);
  const large = new LargeIntake({
    ...{ writer, clock, intake, stagedEpisodes, stagedEvents, rows, events, episodes, deliveries, open },
    recorder: new AlertRecorder({ ...shared, episodes: stagedEpisodes, events: stagedEvents, onChange }),
    parse: parseInSlices,
    takeChanges: () => changes.splice(0),
  });
  const transitions: Partial<Record<Transition, number>> = {};
  const own = new AlertRecorder({
    ...shared,
    ...{ episodes, events },
    onChange: (change) => open.note(change),
    onTransition: (transition) => (transitions[transition] = (transitions[transition] ?? 0) + 1),
  });
  const actions = new AlertActions({
    episodes,
    names,
    episodeReader: parts.episodeReader,
    recorder: own,
    ...{ unreadable: parts.unreadable, guard },
  });
  const { reconciler, timers } = createUpkeep(given, { actions, large, receivers, rules: () => rules });
  const configure = (next: AlertRules) => {
    rules = next;
    sightings.configure(next.watchdogs ?? []);
    open.restart(parts.suppressed.ids());
    reconciler.forget().catch(unlessUnavailable);
  };
  configure(rules);
  return { intake, large, actions, timers, reconciler, parse, configure, transitions };
}

interface UpkeepParts extends Pick<Work, 'actions' | 'large'> {
  readonly receivers: ReceiverNames;
  readonly rules: () => AlertRules;
}

/** Changes episodes without a delivery: timers, and the lists of Alertmanagers. */
function createUpkeep(
  { parts, writer, options, database }: WorkOptions,
  { large, ...own }: UpkeepParts,
): Pick<Work, 'reconciler' | 'timers'> {
  const { names, open, episodes, suppressed, unreadable } = parts;
  const shared = {
    ...own,
    ...{ names, episodes },
    submit: <T>(run: () => T) => writer.submit(0, run),
    ready: () => large.settled(),
  };
  const reconciler = new Reconciler({ ...shared, database, open, suppressed, unreadable });
  const listedAt = (webhook: string, episode: number) => reconciler.listedAt(webhook, episode);
  const { clock, logger } = options;
  return { reconciler, timers: new AlertTimers({ ...shared, clock, logger, listedAt }) };
}

/**
 * Processes a delivery. It is parsed within its commit: bodies parsed earlier would stay alive while others are
 * written, and the garbage collector would copy them again and again.
 */
export async function takeDelivery(writer: Writer, work: Work, raw: RawDelivery): Promise<IntakeResult> {
  const { large } = work;
  const { byteLength } = raw.body;
  if (byteLength > LARGE_BYTES) return large.take(raw);
  for (;;) {
    const result = await writer.submit(byteLength, () => takeOne(work, raw)).catch(whatItIs(work, raw));
    if (result !== undefined) return result;
    await large.settled();
  }
}

/** @returns undefined while a large delivery holds one of its alerts */
function takeOne({ parse, intake, large }: Work, raw: RawDelivery): IntakeResult | undefined {
  const parsed = parse(raw.body);
  if (!parsed.ok) return intake.refuse(raw, parsed);
  return large.touches(raw.webhook, parsed.delivery.alerts) ? undefined : intake.take(raw, parsed.delivery);
}

/** Whether a body is malformed does not depend on the disk: it is reported even if nothing can be stored. */
function whatItIs({ parse }: Work, { body }: RawDelivery): (error: unknown) => IntakeResult {
  return (error) => {
    unlessUnavailable(error);
    const parsed = parse(body);
    if (parsed.ok) throw error;
    return { outcome: 'malformed', pointer: parsed.pointer, detail: parsed.detail };
  };
}

function unlessUnavailable(error: unknown): void {
  if (!(error instanceof LedgerUnavailableError)) throw error;
}
