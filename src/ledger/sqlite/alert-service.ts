import type { Transition } from '../../domain/event.ts';
import { parseInSlices } from '../../alerts/parse-delivery.ts';
import type { Clock } from '../../domain/clock.ts';
import type { Logger } from '../../domain/log.ts';
import { LedgerUnavailableError, type AlertRules, type IntakeResult, type RawDelivery } from '../ledger.ts';
import type { UnreadableRows } from '../unreadable-rows.ts';
import { ALERT_FUNCTIONS, type AlertFunctions } from './alert-functions.ts';
import { AlertActions } from './episodes/alert-actions.ts';
import type { AlertStats } from './episodes/alert-stats.ts';
import { AlertRecorder } from './intake/alert-recorder.ts';
import { AlertTimers } from './episodes/alert-timers.ts';
import type { DeliveryStore } from './intake/delivery-store.ts';
import type { EpisodeReader } from './episodes/episode-reader.ts';
import type { EpisodeStore } from './episodes/episode-store.ts';
import type { EventLog } from './events/event-log.ts';
import { Intake } from './intake/intake.ts';
import { LargeIntake } from './intake/large-intake.ts';
import type { StringTable } from './database/string-table.ts';
import type { EpisodeChange, OpenAlerts } from './episodes/open-alerts.ts';
import type { Sqlite } from './database/open-database.ts';
import type { QuarantineStore } from './intake/quarantine-store.ts';
import { ReceiverNames } from './intake/receiver-names.ts';
import { Reconciler } from './episodes/reconciler.ts';
import { SenderAddresses } from './intake/sender-addresses.ts';
import type { StagedCommit } from './intake/staged-commit.ts';
import { StagedEpisodes, type StagedEvents } from './intake/staged-tables.ts';
import type { SuppressedStore } from './episodes/suppressed-store.ts';
import type { WatchdogSightings } from './episodes/watchdog-sightings.ts';
import type { Writer } from './database/writer.ts';

/** Larger bodies are processed in slices, so that no one waits for a whole one. */
const LARGE_BYTES = 256 * 1024;
/** Until the configuration is known. */
const DEFAULT_RULES = { staleHoldMs: 360_000, expireAfterMs: 24 * 3_600_000, senders: {} };

interface AlertServiceSettings {
  readonly toleranceMs: number;
  readonly rules?: AlertRules;
  readonly alertFunctions?: Partial<AlertFunctions>;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface AlertServiceParts {
  readonly strings: StringTable;
  readonly events: EventLog;
  readonly stagedEvents: StagedEvents;
  readonly episodes: EpisodeStore;
  readonly episodeReader: EpisodeReader;
  readonly deliveries: DeliveryStore;
  readonly quarantine: QuarantineStore;
  readonly open: OpenAlerts;
  readonly stats: AlertStats;
  readonly sightings: WatchdogSightings;
  readonly suppressed: SuppressedStore;
  readonly unreadable: UnreadableRows;
}

/** Everything that changes alerts: deliveries, large deliveries, actions of people, and timers. */
export interface AlertService {
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

interface AlertServiceOptions {
  readonly parts: AlertServiceParts;
  readonly writer: Writer;
  readonly stagedCommit: StagedCommit;
  readonly options: AlertServiceSettings;
  readonly database: Sqlite;
}

/** Wires up everything that changes alerts. */
export function createAlertService(given: AlertServiceOptions): AlertService {
  const { parts, writer, stagedCommit, options, database } = given;
  const { logger, clock } = options;
  const { parse, deliveryId, advance } = { ...ALERT_FUNCTIONS, ...options.alertFunctions };
  const { toleranceMs } = options;
  let rules = options.rules ?? { ...DEFAULT_RULES, toleranceMs };
  const { stats, sightings } = parts;
  const shared = { advance, rules: () => rules, stats, sightings };
  const { episodes, events, stagedEvents, open, strings, deliveries, quarantine } = parts;
  const withSavepoint = <T>(run: () => T) => writer.withSavepoint(run);
  const recorder = new AlertRecorder({
    ...shared,
    episodes,
    events,
    onChange: (change) => open.recordChange(change),
  });
  const receivers = new ReceiverNames(strings);
  const senders = new SenderAddresses({ logger, rules: () => rules });
  const intake = new Intake({
    ...{ deliveryId, strings, receivers, senders, recorder, deliveries, quarantine, logger, withSavepoint },
  });
  const stagedEpisodes = new StagedEpisodes(database, episodes);
  const changes: EpisodeChange[] = [];
  const onChange = (change: EpisodeChange) => void changes.push(change);
  const large = new LargeIntake({
    ...{ writer, clock, intake, stagedEpisodes, stagedEvents, stagedCommit },
    ...{ events, episodes, deliveries, open },
    recorder: new AlertRecorder({ ...shared, episodes: stagedEpisodes, events: stagedEvents, onChange }),
    parse: parseInSlices,
    drainChanges: () => changes.splice(0),
  });
  const transitions: Partial<Record<Transition, number>> = {};
  const own = new AlertRecorder({
    ...shared,
    ...{ episodes, events },
    onChange: (change) => open.recordChange(change),
    onTransition: (transition) => (transitions[transition] = (transitions[transition] ?? 0) + 1),
  });
  const actions = new AlertActions({
    episodes,
    strings,
    episodeReader: parts.episodeReader,
    recorder: own,
    ...{ unreadable: parts.unreadable, withSavepoint },
  });
  const { reconciler, timers } = createMaintenance(given, { actions, large, receivers, rules: () => rules });
  const configure = (next: AlertRules) => {
    rules = next;
    sightings.configure(next.watchdogs ?? []);
    open.rebuild(parts.suppressed.ids());
    reconciler.deleteObsoleteSuppressions().catch(rethrowUnlessUnavailable);
  };
  configure(rules);
  return { intake, large, actions, timers, reconciler, parse, configure, transitions };
}

interface MaintenanceParts extends Pick<AlertService, 'actions' | 'large'> {
  readonly receivers: ReceiverNames;
  readonly rules: () => AlertRules;
}

/** Changes episodes without a delivery: timers, and the lists of Alertmanagers. */
function createMaintenance(
  { parts, writer, options, database }: AlertServiceOptions,
  { large, ...own }: MaintenanceParts,
): Pick<AlertService, 'reconciler' | 'timers'> {
  const { strings, open, episodes, suppressed, unreadable } = parts;
  const shared = {
    ...own,
    ...{ strings, episodes },
    submit: <T>(run: () => T) => writer.submit(0, run),
    ready: () => large.whenIdle(),
  };
  const reconciler = new Reconciler({ ...shared, database, open, suppressed, unreadable });
  const lastListedAt = (webhook: string, episode: number) => reconciler.lastListedAt(webhook, episode);
  const { clock, logger } = options;
  return { reconciler, timers: new AlertTimers({ ...shared, clock, logger, lastListedAt }) };
}

/**
 * Processes a delivery. It is parsed within its commit: bodies parsed earlier would stay alive while others are
 * written, and the garbage collector would copy them again and again.
 */
export async function processDelivery(
  writer: Writer,
  service: AlertService,
  raw: RawDelivery,
): Promise<IntakeResult> {
  const { large } = service;
  const { byteLength } = raw.body;
  if (byteLength > LARGE_BYTES) return large.process(raw);
  for (;;) {
    const result = await writer
      .submit(byteLength, () => processWithinCommit(service, raw))
      .catch(reportMalformed(service, raw));
    if (result !== undefined) return result;
    await large.whenIdle();
  }
}

/** @returns undefined while a large delivery holds one of its alerts */
function processWithinCommit(
  { parse, intake, large }: AlertService,
  raw: RawDelivery,
): IntakeResult | undefined {
  const parsed = parse(raw.body);
  if (!parsed.ok) return intake.quarantineBody(raw, parsed);
  return large.holdsAny(raw.webhook, parsed.delivery.alerts)
    ? undefined
    : intake.recordDelivery(raw, parsed.delivery);
}

/** Whether a body is malformed does not depend on the disk: it is reported even if nothing can be stored. */
function reportMalformed({ parse }: AlertService, { body }: RawDelivery): (error: unknown) => IntakeResult {
  return (error) => {
    rethrowUnlessUnavailable(error);
    const parsed = parse(body);
    if (parsed.ok) throw error;
    return { outcome: 'malformed', pointer: parsed.pointer, detail: parsed.detail };
  };
}

function rethrowUnlessUnavailable(error: unknown): void {
  if (!(error instanceof LedgerUnavailableError)) throw error;
}
