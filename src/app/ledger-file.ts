import { existsSync } from 'node:fs';
import type { Config } from '../config/types.ts';
import type { Transition } from '../domain/alert.ts';
import { systemClock, type Clock } from '../domain/clock.ts';
import type { CloudEvent } from '../domain/event.ts';
import type { Logger } from '../domain/log.ts';
import { LedgerStartError } from '../ledger/ledger.ts';
import { LedgerFile } from '../ledger/sqlite/ledger-file.ts';
import { openLedgerStore } from '../ledger/sqlite/ledger-store.ts';
import { ALERT_LOGIC } from './alert-logic.ts';
import { alertRules } from './storage.ts';

export { LedgerStartError };

/** Copies the ledger, also while a Tocsin writes to it. @throws LedgerStartError */
export async function backupLedger(config: Config, target: string): Promise<void> {
  refuseExisting(target);
  const file = new LedgerFile(config.store.path);
  try {
    await file.backup(target);
  } finally {
    file.close();
  }
}

/** Every event of the ledger. @throws LedgerStartError */
export function* exportLedger(config: Config, after: string | undefined): Generator<CloudEvent> {
  const file = new LedgerFile(config.store.path);
  try {
    yield* file.events(config.server.node, after);
  } finally {
    file.close();
  }
}

export interface ReplaySummary {
  readonly deliveries: number;
  readonly malformed: number;
  readonly transitions: Readonly<Partial<Record<Transition, number>>>;
}

/** Takes every delivery that is kept into a new ledger, under the rules of this configuration. @throws LedgerStartError */
export async function replayLedger(config: Config, target: string): Promise<ReplaySummary> {
  refuseExisting(target);
  const file = new LedgerFile(config.store.path);
  // time stands still but for the deliveries: nothing expires that did not by their own times
  let now = 0;
  const clock: Clock = { ...systemClock, now: () => now, after: () => () => undefined };
  const store = openLedgerStore({
    path: target,
    toleranceMs: config.alerts.sameStartToleranceMs,
    rules: alertRules(config),
    retention: { eventsMs: Number.MAX_SAFE_INTEGER, historyMs: Number.MAX_SAFE_INTEGER },
    logic: ALERT_LOGIC,
    clock,
    logger: SILENT,
    onCommit: () => undefined,
    onWritable: () => undefined,
    onForeignWrite: () => undefined,
  });
  const summary = { deliveries: 0, malformed: 0, transitions: {} as Partial<Record<Transition, number>> };
  try {
    for (const delivery of file.deliveries()) {
      now = delivery.receivedAt;
      const result = await store.calls.intake(delivery);
      summary.deliveries++;
      if (result.outcome === 'malformed') summary.malformed++;
      else addTo(summary.transitions, result.transitions);
    }
    // what was large takes its place
    await store.calls.events({ limit: 1 });
  } finally {
    store.close();
    file.close();
  }
  return summary;
}

const SILENT: Logger = Object.freeze({
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
});

function addTo(
  sum: Partial<Record<Transition, number>>,
  more: Readonly<Partial<Record<Transition, number>>>,
): void {
  for (const [transition, count] of Object.entries(more) as [Transition, number][]) {
    sum[transition] = (sum[transition] ?? 0) + count;
  }
}

function refuseExisting(target: string): void {
  if (existsSync(target))
    throw new LedgerStartError(`${target} is there already; give the name of a new file.`);
}
