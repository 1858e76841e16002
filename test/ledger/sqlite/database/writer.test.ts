import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import Database from 'better-sqlite3';
import { LedgerUnavailableError } from '../../../../src/ledger/ledger.ts';
import { webhookAlert, webhookPayload } from '../../../support/alerts/alerts.ts';
import {
  eventsOf,
  openTestStore,
  deliverTo,
  temporaryDirectory,
  type TestStore,
} from '../../../support/ledger/ledger.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { until } from '../../../support/until.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let path: string;
let clock: ManualClock;
let store: TestStore;
beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory.path, 'tocsin.db');
  clock = new ManualClock();
  store = openTestStore(path, { clock });
});
afterEach(() => {
  store.close();
  directory.remove();
});

const payload = (name: string) => webhookPayload([webhookAlert({ alertname: name })]);

/** Another process holds the write lock: every commit fails, as on a disk that fails. */
function block(): () => void {
  const other = new Database(path);
  other.exec('BEGIN IMMEDIATE');
  return () => {
    other.exec('ROLLBACK');
    other.close();
  };
}

describe('a store that cannot commit', () => {
  it('fails the whole group, keeps nothing of it, and works again as soon as possible', async () => {
    await deliverTo(store, payload('before'));
    const free = block();
    const outcomes = await Promise.allSettled([
      deliverTo(store, payload('A')),
      deliverTo(store, payload('B')),
    ]);
    for (const one of outcomes)
      expect(one).toMatchObject({ status: 'rejected', reason: expect.any(LedgerUnavailableError) });
    expect(store.writable).toEqual([false]);
    expect(store.summary()).toMatchObject({
      lastOffset: 1,
      commits: 1,
      failedCommits: 1,
      open: [{ count: 1 }],
    });
    free();
    expect(await deliverTo(store, payload('A'))).toMatchObject({ accepted: 1 });
    expect(store.writable).toEqual([false, true]);
    expect((await eventsOf(store)).map(({ offset }) => offset)).toEqual([1, 2]);
    expect(store.lines.map(({ level, message }) => [level, message])).toEqual([
      ['error', 'the ledger cannot be written; alerts are refused with 503 until it can'],
      ['info', 'the ledger can be written again'],
    ]);
  });

  it('detects on its own that it can commit again', async () => {
    const free = block();
    await expect(deliverTo(store, payload('A'))).rejects.toThrow(/cannot be written/);
    free();
    await clock.advance(1_000);
    await until(() => store.writable.at(-1) === true);
  });

  it('commits nothing to a renamed file, until it has its name back', async () => {
    await deliverTo(store, payload('before'));
    renameSync(path, `${path}.away`);
    await expect(deliverTo(store, payload('A'))).rejects.toThrow(
      /tocsin\.db no longer exists\. Put the file back/,
    );
    expect(store.writable).toEqual([false]);
    renameSync(`${path}.away`, path);
    expect(await deliverTo(store, payload('A'))).toMatchObject({ accepted: 1 });
    expect(store.writable).toEqual([false, true]);
  });

  it('detects on its own that its file is gone', async () => {
    renameSync(path, `${path}.away`);
    await clock.advance(1_000);
    await until(() => store.writable.at(-1) === false);
    renameSync(`${path}.away`, path);
    await clock.advance(1_000);
    await until(() => store.writable.at(-1) === true);
  });

  it('commits nothing after another process has written, and reports it', async () => {
    let foreign = 0;
    store.close();
    store = openTestStore(path, { clock, onForeignWrite: () => foreign++ });
    const other = new Database(path);
    other.exec("INSERT OR REPLACE INTO meta (key, value) VALUES ('hand', 1)");
    other.close();
    await expect(deliverTo(store, payload('A'))).rejects.toThrow(/another process has written to it/);
    expect({ foreign, writable: store.writable }).toEqual({ foreign: 1, writable: [false] });
  });

  it('still rejects a malformed body as such', async () => {
    const free = block();
    expect(await deliverTo(store, 'nonsense')).toMatchObject({ outcome: 'malformed' });
    free();
  });

  it('continues to answer queries', async () => {
    await deliverTo(store, payload('A'));
    const free = block();
    expect(await store.calls.alerts({ state: 'open', limit: 1 })).toHaveLength(1);
    free();
  });
});

describe('a group', () => {
  it('is one commit for all waiting calls', async () => {
    await Promise.all(Array.from({ length: 100 }, (_, i) => deliverTo(store, payload(`A${i}`))));
    expect(store.summary()).toMatchObject({ commits: 1, lastOffset: 100 });
  });

  it('is bounded in bytes and in number', async () => {
    await Promise.all(Array.from({ length: 600 }, (_, i) => deliverTo(store, payload(`A${i}`))));
    expect(store.summary().commits).toBe(2);
    const large = webhookPayload([
      webhookAlert({ alertname: 'L' }, { annotations: { text: 'x'.repeat(250_000) } }),
    ]);
    await Promise.all(Array.from({ length: 40 }, () => deliverTo(store, large)));
    expect(store.summary().commits).toBe(4);
  });

  it('is committed when it waits while the store closes', async () => {
    const given = deliverTo(store, payload('A'));
    store.close();
    expect(await given).toMatchObject({ accepted: 1 });
    store = openTestStore(path, { clock });
    expect(store.summary().lastOffset).toBe(1);
  });
});
