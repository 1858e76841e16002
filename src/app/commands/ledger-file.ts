import { existsSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Config } from '../../config/types.ts';
import type { Transition } from '../../domain/event.ts';
import { systemClock, type Clock } from '../../domain/clock.ts';
import type { CloudEvent } from '../../domain/event.ts';
import type { Logger } from '../../domain/log.ts';
import { LedgerStartError, LedgerUnavailableError } from '../../ledger/ledger.ts';
import { LedgerFile } from '../../ledger/sqlite/database/ledger-file.ts';
import { openLedgerStore } from '../../ledger/sqlite/ledger-store.ts';
import { alertRules } from '../storage.ts';

export { LedgerStartError };

/** The file that a command writes a ledger to, and the signal that stops it. */
export interface NewLedger {
  /** A file that does not exist yet. */
  readonly target: string;
  readonly signal: AbortSignal;
}

/** Copies the ledger, even while a Tocsin writes to it. @throws LedgerStartError */
export async function backupLedger(config: Config, to: NewLedger): Promise<void> {
  requireNew(to.target);
  const file = new LedgerFile(config.store.path, SILENT);
  await removeOnFailure(to, 'copied', () => file.backup(to.target, to.signal)).finally(() => file.close());
}

/**
 * Every event of the ledger.
 * @throws LedgerStartError when it cannot be read; or after the last event, when some events were unreadable and left
 * out
 */
export function* exportLedger(config: Config, after: string | undefined): Generator<CloudEvent> {
  const file = new LedgerFile(config.store.path, SILENT);
  try {
    yield* file.events(config.server.node, after);
    const leftOut = file.unreadable.rows('segments');
    if (leftOut.length > 0)
      throw new LedgerStartError(
        `Left out because they cannot be read: ${countOf(leftOut, 'event')}, at ${examplesOf(leftOut)}. All others were ` +
          `printed; what is damaged is still in ${config.store.path}, in the table segments.`,
      );
  } finally {
    file.close();
  }
}

export interface ReplaySummary {
  readonly deliveries: number;
  readonly malformed: number;
  /** Deliveries that could not be read and were left out. */
  readonly unreadable: number;
  readonly transitions: Readonly<Partial<Record<Transition, number>>>;
}

/** Replays every stored delivery into a new ledger, under the rules of this configuration. @throws LedgerStartError */
export async function replayLedger(config: Config, to: NewLedger): Promise<ReplaySummary> {
  requireNew(to.target);
  const file = new LedgerFile(config.store.path, SILENT);
  return removeOnFailure(to, 'replayed', () => replayInto(file, config, to)).finally(() => file.close());
}

async function replayInto(
  file: LedgerFile,
  config: Config,
  { target, signal }: NewLedger,
): Promise<ReplaySummary> {
  // the clock advances only with the deliveries: nothing expires except by their own times
  let now = 0;
  const clock: Clock = { ...systemClock, now: () => now, after: () => () => undefined };
  const store = openLedgerStore({
    path: target,
    toleranceMs: config.alerts.sameStartToleranceMs,
    rules: alertRules(config),
    retention: { eventsMs: Number.MAX_SAFE_INTEGER, historyMs: Number.MAX_SAFE_INTEGER },
    clock,
    logger: SILENT,
    onCommit: () => undefined,
    onWritable: () => undefined,
    onForeignWrite: () => undefined,
  });
  const summary = { deliveries: 0, malformed: 0, transitions: {} as Partial<Record<Transition, number>> };
  try {
    for (const delivery of file.deliveries()) {
      signal.throwIfAborted();
      now = delivery.receivedAt;
      const result = await store.calls.intake(delivery);
      summary.deliveries++;
      if (result.outcome === 'malformed') summary.malformed++;
      else addTo(summary.transitions, result.transitions);
    }
    // moves the staged rows of large deliveries to their final tables
    await store.calls.events({ limit: 1 });
  } finally {
    store.close();
  }
  return { ...summary, unreadable: file.unreadable.rows('deliveries').length };
}

/** How many of the rows that were left out are listed. */
const MAX_EXAMPLES = 20;

function examplesOf(rows: readonly string[]): string {
  const more = rows.length - MAX_EXAMPLES;
  const named = rows.slice(0, MAX_EXAMPLES).join(', ');
  return `${rows.length === 1 ? 'offset' : 'offsets'} ${named}${more > 0 ? ` and ${more} more` : ''}`;
}

function countOf({ length }: readonly string[], what: string): string {
  return `${length} ${what}${length === 1 ? '' : 's'}`;
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

/** Creates a complete new ledger, or removes what was written of it. */
async function removeOnFailure<T>(
  { target, signal }: NewLedger,
  done: string,
  write: () => Promise<T>,
): Promise<T> {
  try {
    return await write();
  } catch (error) {
    for (const end of ['', '-wal', '-shm', '-journal']) rmSync(`${target}${end}`, { force: true });
    if (!signal.aborted && !isExpected(error)) throw error;
    const why = signal.aborted ? 'it was stopped' : messageOf(error).replace(/\.$/, '');
    throw new LedgerStartError(`The ledger cannot be ${done} to ${target}: ${why}.`, { cause: error });
  } finally {
    rmSync(`${target}.lock`, { force: true });
  }
}

/** Whether an error is the disk's or the store's, and not a bug. */
function isExpected(error: unknown): boolean {
  if (error instanceof LedgerStartError || error instanceof LedgerUnavailableError) return true;
  return typeof error === 'object' && error !== null && 'code' in error;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function requireNew(target: string): void {
  if (existsSync(target))
    throw new LedgerStartError(`${target} already exists; give the name of a new file.`);
  const folder = dirname(target);
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new LedgerStartError(`The folder ${folder} does not exist; create it, or give another file.`);
}
