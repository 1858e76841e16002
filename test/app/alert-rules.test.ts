import { describe, expect, it } from '@jest/globals';
import { alertRules } from '../../src/app/storage.ts';
import type { SenderConfig } from '../../src/config/types.ts';

const SENDER: SenderConfig = {
  ...{ peers: 1, peerTimeoutMs: 15_000, groupIntervalMs: 300_000 },
  ...{ repeatIntervalMs: 14_400_000, warmUpMs: 180_000 },
};

function senderRules(alertmanager?: SenderConfig) {
  const webhook = { name: 'main', tokens: [], ...(alertmanager !== undefined && { alertmanager }) };
  const alerts = { sameStartToleranceMs: 60_000, staleHoldMs: 360_000, expireAfterMs: 86_400_000 };
  return alertRules({ alerts, webhooks: [webhook], alertmanagers: [], watchdogs: [] }).senders['main'];
}

describe('how long a firing may be late', () => {
  it.each([
    ['of one Alertmanager, whose receivers retry on their own', 1, 315_000, true],
    ['of a cluster', 3, 345_000, false],
  ])('%s', (_what, peers, staleWindowMs, single) => {
    expect(senderRules({ ...SENDER, peers })).toMatchObject({ staleWindowMs, single });
  });

  it('assumes one Alertmanager where the sender is not configured', () => {
    expect(senderRules()).toMatchObject({ staleWindowMs: 315_000, single: true });
  });
});
