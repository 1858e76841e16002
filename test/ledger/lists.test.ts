import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { alertCursor } from '../../src/ledger/list-cursors.ts';
import { criticalAlerts } from '../../src/http/routes/critical-alerts.ts';
import { LedgerUnavailableError, type AlertQuery } from '../../src/ledger/ledger.ts';
import { webhookAlert, webhookPayload } from '../support/alerts/alerts.ts';
import { openTestStore, deliverTo, temporaryDirectory, type TestStore } from '../support/ledger/ledger.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let store: TestStore;

beforeEach(async () => {
  directory = temporaryDirectory();
  store = openTestStore(join(directory.path, 'ledger.db'));
  const severities = ['warning', 'critical', 'info', 'critical', 'none', 'warning'];
  const alerts = severities.map((severity, i) => webhookAlert({ alertname: `A${i}`, severity }));
  await deliverTo(store, webhookPayload(alerts));
});
afterEach(() => {
  store.close();
  directory.remove();
});

const names = async (query: Partial<AlertQuery>) =>
  (await store.calls.alerts({ state: 'open', limit: 10, ...query })).map(({ labels }) => labels['alertname']);

describe('the list of alerts', () => {
  it('has the most severe first, then the newest', async () => {
    expect(await names({})).toEqual(['A3', 'A1', 'A5', 'A0', 'A2', 'A4']);
    expect(await names({ limit: 2 })).toEqual(['A3', 'A1']);
  });

  it.each([1, 2, 4])('continues after each row, %i at a time', async (limit) => {
    const seen: (string | undefined)[] = [];
    let after: string | undefined;
    for (;;) {
      const page = await store.calls.alerts({ state: 'all', limit, ...(after !== undefined && { after }) });
      seen.push(...page.map(({ labels }) => labels['alertname']));
      const last = page.at(-1);
      if (last === undefined) break;
      after = alertCursor(last);
    }
    expect(seen).toEqual(['A3', 'A1', 'A5', 'A0', 'A2', 'A4']);
  });

  it('is cut once it is large, after at least one row', async () => {
    expect(await names({ maxBytes: 1 })).toEqual(['A3']);
  });
});

describe('the summary of critical alerts', () => {
  const reads = { queryLedger: <Value>(_key: string, work: () => Promise<Value>) => work() };

  it('names the open ones, without watchdogs', async () => {
    const ledger = { alerts: async (query: AlertQuery) => store.calls.alerts(query) };
    const isWatchdog = (labels: Readonly<Record<string, string>>) => labels['alertname'] === 'A1';
    expect(await criticalAlerts({ ledger, reads, isWatchdog })).toEqual({
      messages: ['CRITICAL: A3 is firing - A3 fires'],
      isCut: false,
    });
  });

  it.each([
    [120, 122, false],
    [600, 500, true],
  ])('with %i more open: is read in small pages, and ends with a mark', async (more, shown, isCut) => {
    const many = Array.from({ length: more }, (_, i) =>
      webhookAlert({ alertname: `B${i}`, severity: 'critical', instance: `node-${i}` }),
    );
    await deliverTo(store, webhookPayload(many));
    const sizes: number[] = [];
    const ledger = {
      alerts: async (query: AlertQuery) => {
        const page = await store.calls.alerts(query);
        sizes.push(JSON.stringify(page).length);
        return page;
      },
    };
    const answer = await criticalAlerts({ ledger, reads, isWatchdog: () => false });
    expect([new Set(answer.messages).size, answer.isCut]).toEqual([shown, isCut]);
    expect(Math.max(...sizes)).toBeLessThan(64 * 1_024);
  });

  it('reports a ledger that cannot be read', async () => {
    const ledger = { alerts: () => Promise.reject(new LedgerUnavailableError('It restarts.')) };
    const { messages } = await criticalAlerts({ ledger, reads, isWatchdog: () => false });
    expect(messages).toEqual(['CRITICAL: the open alerts cannot be read - It restarts.']);
  });
});
