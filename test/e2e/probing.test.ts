import { describe, expect, it } from '@jest/globals';
import { runHistory } from './scenarios/history.ts';
import { runFootprint, runSchedule, runSoak } from './scenarios/probing.ts';

describe('scheduled probing, at reduced size', () => {
  it('starts a thousand checks on time, all equally often', async () => {
    const record = await runSchedule({ checks: 1_000, intervalSeconds: 5, seconds: 15 });
    expect([record.notSuccessful, record.shed]).toEqual([0, 0]);
    // first runs are spread over the interval, so that a check has had two or three by now
    expect(record.fewest).toBeGreaterThanOrEqual(2);
    expect(record.most - record.fewest).toBeLessThanOrEqual(2);
    // whatever else the machine does
    expect(record.lateness.p99).toBeLessThanOrEqual(1);
  });

  it('is ready soon and exposes every check and the host', async () => {
    const record = await runFootprint({ checks: 300, intervalSeconds: 5, seconds: 10 });
    expect(record.readySeconds).toBeLessThan(10);
    expect(record.residentBytes).toBeLessThan(300e6);
    expect(record.childrenBytes).toHaveLength(1);
    expect(record.pageBytes).toBeGreaterThan(300 * 1_000);
  });

  it('leaves no descriptors and no timers behind', async () => {
    const record = await runSoak({ checks: 100, intervalSeconds: 1, seconds: 16 });
    expect(record.notSuccessful).toBe(0);
    expect(record.perSecond).toBeGreaterThan(50);
    expect(record.after.descriptors - record.before.descriptors).toBeLessThanOrEqual(5);
    expect(record.after.timers - record.before.timers).toBeLessThanOrEqual(5);
  });
});

describe('the history of one of many services, at reduced size', () => {
  it('is returned at once with as many points as requested', async () => {
    const record = await runHistory({ services: 20, days: 30, points: 500, asked: 20 });
    expect(record.fewestPoints).toBeGreaterThanOrEqual(499);
    expect(record.median).toBeLessThan(200);
  });
});
