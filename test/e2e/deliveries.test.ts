import { describe, expect, it } from '@jest/globals';
import { runDeliveries } from './scenarios/deliveries.ts';

describe('deliveries of every kind, with a kill -9 in the middle', () => {
  it('cause no 500, and every alert answered with 200 is in the ledger once', async () => {
    const record = await runDeliveries({ requests: 600, killAfter: 300, concurrency: 8 });
    const { statuses, lost, twice, repeatedTransitions } = record;
    expect(Object.keys(statuses).filter((status) => !['0', '200', '400', '503'].includes(status))).toEqual(
      [],
    );
    expect(statuses[400]).toBeGreaterThanOrEqual(50);
    expect({ lost, twice, repeatedTransitions }).toEqual({ lost: [], twice: [], repeatedTransitions: [] });
    expect(record.alertsAnswered).toBeGreaterThan(1_000);
    expect(record.offsetsGapless).toBe(true);
    expect(record.largestBody).toBeGreaterThan(5_000_000);
  });
});
