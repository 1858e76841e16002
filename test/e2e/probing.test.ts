import { describe, expect, it } from '@jest/globals';
import { runHistory } from './scenarios/history.ts';
import { runFootprint, runLeftovers, runSchedule } from './scenarios/probing.ts';

// how late runs start, how soon it is ready and how fast it answers depends on the machine: the proofs report it
describe('scheduled probing, at reduced size', () => {
  it('runs a thousand checks equally often, except for runs that it counts as skipped, and fails none of them', async () => {
    const intervalSeconds = 5;
    const record = await runSchedule({ checks: 1_000, intervalSeconds, seconds: 0, runsEach: 3 });
    expect(record.failed).toBe(0);
    // a busy machine skips runs, and counts them: without that no check may have more than two fewer than another
    expect(record.most - record.fewest).toBeLessThanOrEqual(2 + record.shed);
    // besides one for each interval there is the first run, which need not be on the grid
    const most = record.seconds / intervalSeconds + 2;
    expect(record.most).toBeLessThanOrEqual(most);
    expect(record.runs + record.shed).toBeLessThanOrEqual(1_000 * most);
  });

  it('becomes ready, and exposes every check and the host', async () => {
    const record = await runFootprint({ checks: 300, intervalSeconds: 5, seconds: 10 });
    expect(record.residentBytes).toBeLessThan(300e6);
    expect(record.childrenBytes).toHaveLength(1);
    expect(record.pageBytes).toBeGreaterThan(300 * 1_000);
  });

  it('leaves no descriptors and no timers behind', async () => {
    const { runs, failed, before, after } = await runLeftovers({
      checks: 200,
      intervalSeconds: 3,
      seconds: 0,
      runsEach: 5,
    });
    expect([runs >= 1_000, failed]).toEqual([true, 0]);
    expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
    expect(after.timers).toBeLessThanOrEqual(before.timers);
  });
});

describe('the history of one of many services, at reduced size', () => {
  it('is returned with as many points as requested', async () => {
    const record = await runHistory({ services: 20, days: 30, points: 500, asked: 20 });
    expect(record.fewestPoints).toBeGreaterThanOrEqual(499);
  });
});
