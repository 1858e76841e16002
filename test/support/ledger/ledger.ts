import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../../src/domain/clock.ts';
import type { IntakeResult, RawDelivery } from '../../../src/ledger/ledger.ts';
import { openLedgerStore, type LedgerStoreOptions } from '../../../src/ledger/sqlite/ledger-store.ts';
import type { EventSliceQuery, LedgerStore, WireEvent } from '../../../src/ledger/thread/protocol.ts';
import { ManualClock } from '../manual-clock.ts';
import { recordingLogger, type RecordedLine } from '../recording-logger.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** A temporary directory for a test, and how to remove it. */
export function temporaryDirectory(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'tocsin-ledger-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export interface TestStore extends LedgerStore {
  readonly clock: Clock;
  readonly lines: readonly RecordedLine[];
  readonly writable: readonly boolean[];
}

/** Opens a ledger on this thread, with the real alert logic. */
export function openTestStore(path: string, more: Partial<LedgerStoreOptions> = {}): TestStore {
  const { logger, lines } = recordingLogger();
  const writable: boolean[] = [];
  const clock = more.clock ?? new ManualClock();
  const store = openLedgerStore({
    path,
    toleranceMs: 60_000,
    retention: { eventsMs: 400 * DAY_MS, historyMs: 30 * DAY_MS },
    clock,
    logger,
    onCommit: () => undefined,
    onWritable: (reason) => writable.push(reason === undefined),
    onForeignWrite: () => undefined,
    ...more,
  });
  return { ...store, clock, lines, writable };
}

/** A delivery as the HTTP route passes it on. */
export function rawDelivery(payload: unknown, more: Partial<RawDelivery> = {}): RawDelivery {
  const body =
    payload instanceof Uint8Array
      ? payload
      : Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
  return {
    webhook: 'main',
    body,
    receivedAt: Date.parse('2026-01-01T00:01:00Z'),
    source: '192.0.2.1',
    userAgent: 'Alertmanager/0.33.0',
    ...more,
  };
}

export async function deliverTo(
  store: LedgerStore,
  payload: unknown,
  more: Partial<RawDelivery> = {},
): Promise<IntakeResult> {
  return store.calls.intake(rawDelivery(payload, more));
}

/** Every event that the query matches, in one slice. */
export async function eventsOf(
  store: LedgerStore,
  query: Partial<EventSliceQuery> = {},
): Promise<readonly WireEvent[]> {
  const slice = await store.calls.events({ limit: 1_000_000, ...query });
  if ('gone' in slice) throw new Error(`gone; oldest: ${slice.oldest ?? 'none'}`);
  return slice.events;
}

/** Runs retention once. */
export async function sweep(clock: ManualClock): Promise<void> {
  await clock.advance(60_000);
  for (let i = 0; i < 60; i++) await clock.advance(20);
}
