import { describe, expect, it } from '@jest/globals';
import { describeWithMounts } from '../support/mounts.ts';
import { describeWithPeers } from '../support/peers.ts';
import { runFailingSync, runFileLimit, runFullDisk, runSyncs } from './scenarios/failing-disk.ts';
import { runKillNine } from './scenarios/kill-nine.ts';

describe('kill -9 under load', () => {
  it('loses nothing that was answered with 200, and leaves no half of a delivery', async () => {
    const { lost, twice, half, otherAnswers, promised } = await runKillNine(4);
    expect({ lost, twice, half, otherAnswers }).toEqual({ lost: 0, twice: 0, half: 0, otherAnswers: 0 });
    expect(promised).toBeGreaterThan(0);
  });
});

describeWithPeers(['strace'], 'the write-ahead log', () => {
  it('is synced before each 200', async () => {
    expect(await runSyncs(20)).toEqual({ answers: 20, unsynced: 0 });
  });

  it('that cannot be synced gets nothing acknowledged, until it can', async () => {
    const { failing, wrong } = await runFailingSync(10);
    expect({ failing, wrong }).toEqual({ failing: { 503: 10 }, wrong: [] });
  });
});

describe('files that may not grow', () => {
  it('are a 503, and what is refused meanwhile is taken afterwards', async () => {
    const { failing, wrong } = await runFileLimit(10);
    expect({ failing, wrong }).toEqual({ failing: { 503: 10 }, wrong: [] });
  });
});

describeWithMounts('a disk that is full, and smaller than the write-ahead log', () => {
  it('is a 503, and all that is refused meanwhile is taken once there is room', async () => {
    const { failing, wrong, answered } = await runFullDisk(100);
    // what the log has of the disk already may take a few more
    const { 200: taken = 0, 503: refused = 0 } = failing;
    expect(refused).toBeGreaterThan(0);
    expect({ all: taken + refused, wrong, answered }).toEqual({ all: 100, wrong: [], answered: 201 });
  });
});
