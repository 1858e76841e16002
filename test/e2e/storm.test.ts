import { expect, it } from '@jest/globals';
import { describeWithPeers } from '../support/peers.ts';
import { runStorm } from './scenarios/storm.ts';

describeWithPeers(['prometheus'], 'a scrape storm', () => {
  it('costs no line in the log and no scrape of Prometheus, and is counted', async () => {
    const record = await runStorm({ seconds: 8, clientsPerSecond: 200, checks: 200 });
    expect(record.lines).toEqual([]);
    expect(record.lowestUp).toBe(1);
    expect(record.prometheusScrapes).toBeGreaterThanOrEqual(7);
    // how many of them are noticed before the whole answer has left depends on how busy the machine is
    expect(record.outcomes['aborted']).toBeGreaterThan(record.clients * 0.2);
    expect(record.outcomes['failed']).toBe(0);
  }, 90_000);
});
