import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readConfiguration } from '../../src/app/configuration.ts';
import { backupLedger, exportLedger, replayLedger } from '../../src/app/commands/ledger-file.ts';
import type { Config } from '../../src/config/types.ts';
import { webhookAlert, webhookPayload } from '../support/alerts/alerts.ts';
import {
  eventsOf,
  openTestStore,
  deliverTo,
  temporaryDirectory,
  type TestStore,
} from '../support/ledger/ledger.ts';

const never = new AbortController().signal;

let directory: ReturnType<typeof temporaryDirectory>;
let store: TestStore;
let config: Config;
beforeEach(async () => {
  directory = temporaryDirectory();
  const path = join(directory.path, 'tocsin.db');
  store = openTestStore(path);
  const result = readConfiguration({ env: {}, cwd: directory.path, hostname: 'n1', file: undefined });
  if (!result.ok) throw new Error('the defaults are valid');
  config = { ...result.config, store: { ...result.config.store, path } };
  const many = Array.from({ length: 900 }, (_, i) =>
    webhookAlert({ alertname: 'Many', id: String(i), note: 'x'.repeat(300) }),
  );
  await deliverTo(store, webhookPayload([webhookAlert({ alertname: 'A' })]));
  await deliverTo(store, webhookPayload(many));
  await eventsOf(store);
});
afterEach(() => {
  store.close();
  directory.remove();
});

describe('the file of the ledger, while it is written to', () => {
  it('is exported: every event, or those after one', () => {
    const events = [...exportLedger(config, undefined)];
    expect(events).toHaveLength(901);
    expect(events[0]).toMatchObject({ data: { labels: { alertname: 'A' } } });
    expect(JSON.parse(events[0]?.json ?? '')).toMatchObject({ specversion: '1.0', id: events[0]?.id });
    expect([...exportLedger(config, events[899]?.id)]).toEqual([events[900]]);
    expect(() => [...exportLedger(config, 'other-1')]).toThrow('omit --after');
  });

  it('is copied, and the copy is a valid ledger', async () => {
    const target = join(directory.path, 'copy.db');
    await backupLedger(config, { target, signal: never });
    const copy = openTestStore(target);
    expect(await eventsOf(copy)).toEqual(await eventsOf(store));
    copy.close();
    await expect(backupLedger(config, { target, signal: never })).rejects.toThrow('already exists');
  });

  it('is replayed into a new one, including large deliveries', async () => {
    const target = join(directory.path, 'again.db');
    expect(await replayLedger(config, { target, signal: never })).toEqual({
      deliveries: 2,
      unreadable: 0,
      malformed: 0,
      transitions: { fired: 901 },
    });
  });

  it('leaves nothing behind after an aborted copy or replay', async () => {
    const to = { target: join(directory.path, 'stopped.db'), signal: AbortSignal.abort() };
    await expect(backupLedger(config, to)).rejects.toThrow(
      /cannot be copied to .*stopped\.db: it was stopped\./,
    );
    await expect(replayLedger(config, to)).rejects.toThrow(/cannot be replayed to .*: it was stopped\./);
    expect(readdirSync(directory.path).filter((name) => name.startsWith('stopped'))).toEqual([]);
  });

  it('reports a missing file', () => {
    const none = { ...config, store: { ...config.store, path: join(directory.path, 'none.db') } };
    expect(() => [...exportLedger(none, undefined)]).toThrow('does not exist; see store.path');
  });
});
