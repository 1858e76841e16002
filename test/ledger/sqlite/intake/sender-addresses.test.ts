import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { AlertRules } from '../../../../src/ledger/ledger.ts';
import { webhookAlert, webhookPayload } from '../../../support/alerts/alerts.ts';
import {
  openTestStore,
  deliverTo,
  temporaryDirectory,
  type TestStore,
} from '../../../support/ledger/ledger.ts';

const CLUSTER = { staleWindowMs: 330_000, groupIntervalMs: 300_000, repeatMs: 0 };
const RULES: AlertRules = {
  ...{ toleranceMs: 60_000, staleHoldMs: 360_000, expireAfterMs: 86_400_000 },
  senders: { main: CLUSTER, other: CLUSTER, single: { ...CLUSTER, staleWindowMs: 0 } },
};

let directory: ReturnType<typeof temporaryDirectory>;
let store: TestStore;

beforeEach(() => {
  directory = temporaryDirectory();
  store = openTestStore(join(directory.path, 'ledger.db'), { rules: RULES });
});
afterEach(() => {
  store.close();
  directory.remove();
});

/** Returns the warnings for these deliveries, each `[webhook, externalURL, address]`. */
async function warnings(...deliveries: readonly (readonly [string, string, string])[]) {
  for (const [i, [webhook, externalURL, source]] of deliveries.entries()) {
    const alerts = [webhookAlert({ alertname: `A${i}` })];
    await deliverTo(store, webhookPayload(alerts, { externalURL }), { webhook, source });
  }
  return store.lines.filter(({ message }) => message.includes('the same external URL'));
}

const from = (webhook: string, externalUrl: string, ...addresses: readonly string[]) =>
  addresses.map((address) => [webhook, externalUrl, address] as const);

describe('members of a cluster with one external URL', () => {
  it('cause one warning, when the first of them sends again', async () => {
    expect(await warnings(...from('main', 'http://am', '192.0.2.1', '192.0.2.2'))).toEqual([]);
    const [line, ...more] = await warnings(
      ...from('main', 'http://am', '192.0.2.1', '192.0.2.2', '192.0.2.1'),
    );
    expect(line).toMatchObject({
      level: 'warn',
      webhook: 'main',
      externalUrl: 'http://am',
      addresses: ['192.0.2.1', '192.0.2.2'],
    });
    expect(line?.message).toContain('--web.external-url');
    expect(more).toEqual([]);
  });

  it('are detected when they take turns', async () => {
    const found = await warnings(...from('main', 'http://am', 'a', 'a', 'b', 'c', 'a', 'b', 'c'));
    expect(found.map(({ addresses }) => addresses)).toEqual([['a', 'b', 'c']]);
  });

  it('cause one for each external URL of each webhook', async () => {
    const pairs = [['main', 'http://x'], ['main', 'http://y'], ['other', 'http://x']] as const; // prettier-ignore
    const found = await warnings(
      ...pairs.flatMap(([webhook, url]) => from(webhook, url, 'a', 'b', 'a', 'b')),
    );
    expect(found.map(({ webhook, externalUrl }) => [webhook, externalUrl])).toEqual(pairs);
  });

  it.each([
    ['a member that moves', from('main', 'http://am', 'a', 'b', 'b', 'c')],
    ['a sender that is not a cluster', from('single', 'http://am', 'a', 'b', 'a', 'b')],
    ['a webhook without settings', from('unknown', 'http://am', 'a', 'b', 'a', 'b')],
    [
      'members with external URLs of their own',
      [...from('main', 'http://x', 'a'), ...from('main', 'http://y', 'b'), ...from('main', 'http://x', 'a')],
    ],
  ])('are not detected in %s', async (_what, deliveries) => {
    expect(await warnings(...deliveries)).toEqual([]);
  });
});
