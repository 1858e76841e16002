import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { LedgerStartError, LedgerUnavailableError } from '../../src/ledger/ledger.ts';
import { ThreadLedger, type ThreadLedgerOptions } from '../../src/ledger/thread/client.ts';
import { webhookAlert, webhookPayload } from '../support/alerts/alerts.ts';
import { DAY_MS, rawDelivery, temporaryDirectory } from '../support/ledger/ledger.ts';
import { settle } from '../support/manual-clock.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { NEVER_MS, until } from '../support/until.ts';

const REAL = new URL('../../dist/app/threads/ledger-thread.js', import.meta.url);
const BREAKING = new URL('../support/ledger/threads/breaking.mjs', import.meta.url);

let directory: ReturnType<typeof temporaryDirectory>;
const running: Ledger[] = [];
let log: ReturnType<typeof recordingLogger>;

beforeEach(() => {
  directory = temporaryDirectory();
  log = recordingLogger();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((ledger) => ledger.close()));
  directory.remove();
});

async function start(more: Partial<ThreadLedgerOptions> = {}): Promise<ThreadLedger> {
  const ledger = await ThreadLedger.start({
    threadUrl: REAL,
    path: join(directory.path, 'tocsin.db'),
    node: 'n1',
    retention: { eventsMs: DAY_MS, historyMs: DAY_MS },
    toleranceMs: 60_000,
    logger: log.logger,
    callTimeoutMs: NEVER_MS,
    ...more,
  });
  running.push(ledger);
  return ledger;
}

const alertNamed = (alertname: string) => webhookAlert({ alertname, severity: 'warning' });
/** Lets the thread of `BREAKING` hang; the returned function ends that. */
function hang(ledger: ThreadLedger): { readonly hung: Promise<unknown>; readonly release: () => void } {
  const file = join(directory.path, 'hang');
  writeFileSync(file, '');
  return { hung: ledger.alert('hang'), release: () => rmSync(file) };
}

const deliveryOf = (...names: string[]) => rawDelivery(webhookPayload(names.map(alertNamed)));

describe('ThreadLedger', () => {
  it('accepts deliveries and answers every query', async () => {
    const ledger = await start();
    expect(ledger.writable()).toBe(true);
    expect(await ledger.intake(deliveryOf('A', 'B'))).toMatchObject({ outcome: 'accepted', accepted: 2 });
    expect(ledger.summary()).toMatchObject({
      lastOffset: 2,
      commits: 1,
      open: [{ severity: 'warning', acknowledged: false, count: 2 }],
    });
    expect(ledger.summary().fileBytes).toBeGreaterThan(0);
    await ledger.append([
      { type: 'tocsin.check.unhealthy', subject: 'api', time: 5, data: { reason: 'timeout' } },
    ]);
    await ledger.append([{ type: 'tocsin.config.reloaded', time: 6, data: {} }]);
    const page = await ledger.events({ limit: 10, type: 'tocsin.*' });
    if ('gone' in page) throw new Error('gone');
    expect(page.events.map(({ type }) => type)).toEqual([
      'tocsin.alert.fired',
      'tocsin.alert.fired',
      'tocsin.check.unhealthy',
      'tocsin.config.reloaded',
    ]);
    const about = {
      id: expect.stringMatching(/^[0-9a-f]{12}-3$/),
      type: 'tocsin.check.unhealthy',
      subject: 'api',
      time: '1970-01-01T00:00:00.005Z',
      data: { reason: 'timeout' },
    };
    expect(page.events[2]).toMatchObject(about);
    expect(JSON.parse(page.events[2]?.json ?? '')).toEqual({
      ...about,
      specversion: '1.0',
      source: '/tocsin/n1',
      datacontenttype: 'application/json',
    });
    expect(page.events[3]).not.toHaveProperty('subject');
    expect(page.nextAfter).toBe(page.events[3]?.id);
    expect(await ledger.events({ limit: 10, after: page.nextAfter ?? '' })).toEqual({
      events: [],
      nextAfter: page.nextAfter,
    });
    const [b, a] = await ledger.alerts({ state: 'open', severity: 'warning', limit: 10 });
    expect([a?.labels['alertname'], b?.labels['alertname']]).toEqual(['A', 'B']);
    expect(await ledger.alert(a?.id ?? '')).toEqual(a);
    expect(await ledger.alert('99')).toBeUndefined();
    expect(await ledger.deliveries({ limit: 5 })).toHaveLength(1);
    await ledger.recordRuns([
      { service: 'api', target: 't', at: 1_000, status: 'success', durationSeconds: 2 },
    ]);
    expect(await ledger.history({ service: 'api', from: 0, to: 60_000, stepMs: 60_000 })).toEqual([
      { at: 0, success: 1, failure: 0, unknown: 0, meanDurationSeconds: 2 },
    ]);
  });

  it('returns long answers completely, oldest or newest first', async () => {
    const ledger = await start();
    await ledger.append(
      Array.from({ length: 1_700 }, (_, i) => ({
        type: 'tocsin.check.healthy' as const,
        time: i,
        data: { i },
      })),
    );
    for (const order of ['asc', 'desc'] as const) {
      const page = await ledger.events({ limit: 1_600, order });
      if ('gone' in page) throw new Error('gone');
      const numbers = page.events.map(({ data }) => (data as { i: number }).i);
      const expected = Array.from({ length: 1_600 }, (_, i) => (order === 'asc' ? i : 1_699 - i));
      expect(numbers).toEqual(expected);
    }
  });

  it('reports when events are gone', async () => {
    const ledger = await start();
    expect(await ledger.events({ limit: 1, after: 'other-5' })).toEqual({ gone: true });
  });

  it('groups waiting deliveries into few commits', async () => {
    const ledger = await start({ threadUrl: BREAKING });
    const { hung, release } = hang(ledger);
    const waiting = Array.from({ length: 500 }, (_, i) => ledger.intake(deliveryOf(`A${i}`)));
    await settle();
    release();
    const results = await Promise.all(waiting);
    await hung;
    expect(results.every((result) => result.outcome === 'accepted')).toBe(true);
    const { commits, lastOffset } = await until(
      () => ledger.summary().lastOffset === 500 && ledger.summary(),
    );
    expect(lastOffset).toBe(500);
    expect(commits).toBeLessThan(250);
  });

  it('transfers a large body without a copy, and copies one that shares its buffer', async () => {
    const ledger = await start();
    const large = new Uint8Array(
      Buffer.from(JSON.stringify(webhookPayload([alertNamed('L'.repeat(100_000))]))),
    );
    await ledger.intake(rawDelivery(large));
    expect(large.byteLength).toBe(0);
    const pooled = Buffer.from(JSON.stringify(webhookPayload([alertNamed('S')])));
    await ledger.intake(rawDelivery(pooled.subarray(0)));
    expect(pooled.byteLength).toBeGreaterThan(0);
    expect(await ledger.intake(rawDelivery(large))).toMatchObject({ outcome: 'malformed' });
  });

  it('finishes accepted work before it closes, and accepts nothing afterwards', async () => {
    const ledger = await start();
    const given = Array.from({ length: 50 }, (_, i) => ledger.intake(deliveryOf(`A${i}`)));
    await ledger.close();
    expect(await Promise.all(given)).toHaveLength(50);
    await expect(ledger.intake(deliveryOf('late'))).rejects.toThrow(LedgerUnavailableError);
    expect(ledger.writable()).toBe(false);
    expect(log.lines).toEqual([]);
    const again = await start();
    expect(await again.alerts({ state: 'open', limit: 100 })).toHaveLength(50);
  });
});

describe('a ledger that cannot start reports why', () => {
  it('when it is in use', async () => {
    await start();
    await expect(start()).rejects.toThrow(/in use by another process/);
    await expect(start()).rejects.toThrow(LedgerStartError);
  });

  it('when its path is impossible', async () => {
    const file = join(directory.path, 'file');
    writeFileSync(file, 'x');
    await expect(start({ path: join(file, 'tocsin.db') })).rejects.toThrow(/cannot be written/);
  });

  it('when it is damaged', async () => {
    const path = join(directory.path, 'tocsin.db');
    writeFileSync(path, 'x'.repeat(10_000));
    await expect(start({ path })).rejects.toThrow(/is damaged/);
  });

  it('when its thread is missing', async () => {
    await expect(start({ threadUrl: new URL('./nothing.js', REAL) })).rejects.toThrow(
      /The ledger cannot start.*Cannot find/,
    );
  });
});

describe('when its thread breaks', () => {
  it.each(['throw', 'exit'])('(%s) all waiting calls fail, and it is restarted', async (how) => {
    const ledger = await start({ threadUrl: BREAKING });
    await ledger.intake(deliveryOf('A'));
    const waiting = [ledger.alert(how), ledger.deliveries({ limit: 1 }), ledger.intake(deliveryOf('B'))];
    const outcomes = await Promise.allSettled(waiting);
    expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true);
    for (const one of outcomes)
      if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(LedgerUnavailableError);
    expect(ledger.writable()).toBe(false);
    await expect(ledger.intake(deliveryOf('C'))).rejects.toThrow(/restarting/);
    await until(() => ledger.writable());
    expect(await ledger.intake(deliveryOf('A'))).toMatchObject({ outcome: 'duplicate' });
    expect(log.lines.map(({ level, message }) => [level, message])).toEqual([
      ['error', 'the ledger thread ended unexpectedly; restarting it'],
      ['info', 'the ledger thread is running again'],
    ]);
  });

  it('(hang) no one waits longer than the deadline, and capacity is held until it answers', async () => {
    const ledger = await start({ threadUrl: BREAKING, callTimeoutMs: 150, maxBytesInFlight: 1_000 });
    const { hung, release } = hang(ledger);
    const late = ledger.intake(deliveryOf('A'));
    await expect(hung).rejects.toThrow(/did not answer within 0.15 s/);
    await expect(late).rejects.toThrow(LedgerUnavailableError);
    await expect(ledger.intake(deliveryOf('B', 'C', 'D'))).rejects.toThrow(/queue of the ledger is full/);
    release();
    await until(async () => (await ledger.intake(deliveryOf('A'))).outcome === 'duplicate');
  });
});
