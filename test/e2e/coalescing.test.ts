import { expect, it } from '@jest/globals';
import { describeWithPeers } from '../support/processes/peers.ts';
import { runCoalescing } from './scenarios/coalescing.ts';

describeWithPeers(['prometheus'], 'two Prometheus servers and three people with curl', () => {
  it('cause one collection at a time', async () => {
    const record = await runCoalescing({
      ...{ seconds: 10, checks: 50, intervalSeconds: 2 },
      ...{ curls: 3, perSecond: 5, atOnce: true },
      scrapeSeconds: 4,
    });
    const { served, coalesced, collections, asked } = record;
    expect(record.prometheus.map(({ failed }) => failed)).toEqual([0, 0]);
    // of three requests that are there at once two join the first
    expect(coalesced).toBeGreaterThanOrEqual((asked / 3) * 2);
    expect(served).toBeGreaterThanOrEqual(asked);
    // a scrape starts a collection or joins one; at both ends of the time some are not counted as served yet
    expect(Math.abs(collections + coalesced - served)).toBeLessThanOrEqual(6);
  });
});
