import { describe, expect, it } from '@jest/globals';
import { describeWithMounts } from '../support/processes/mounts.ts';
import { describeWithPeers } from '../support/processes/peers.ts';
import { runFailingSync, runFileLimit, runFullDisk, runSyncs } from './scenarios/failing-disk.ts';
import { runKillNine } from './scenarios/kill-nine.ts';

describe('kill -9 under load', () => {
  it('loses nothing that was answered with 200, and leaves no partial delivery', async () => {
    const { lost, twice, half, otherAnswers, promised } = await runKillNine(4);
    expect({ lost, twice, half, otherAnswers }).toEqual({ lost: 0, twice: 0, half: 0, otherAnswers: 0 });
    expect(promised).toBeGreaterThan(0);
  });
});

describeWithPeers(['strace'], 'the write-ahead log', () => {
  it('is synced before each 200', async () => {
    expect(await runSyncs(20)).toEqual({ answers: 20, unsynced: 0 });
  });

  it('acknowledges nothing while it cannot be synced', async () => {
    const { failing, wrong } = await runFailingSync(10);
    expect({ failing, wrong }).toEqual({ failing: { 503: 10 }, wrong: [] });
  });
});

describe('a file size limit', () => {
  it('causes 503, and what was refused is accepted afterwards', async () => {
    const { failing, wrong } = await runFileLimit(10);
    expect({ failing, wrong }).toEqual({ failing: { 503: 10 }, wrong: [] });
  });
});

describeWithMounts('a full disk, smaller than the write-ahead log', () => {
  it('causes 503, and everything refused is accepted once there is space', async () => {
    const { failing, wrong, answered } = await runFullDisk(100);
    // the space that the log already has may hold a few more
    const { 200: taken = 0, 503: refused = 0 } = failing;
    expect(refused).toBeGreaterThan(0);
    expect({ all: taken + refused, wrong, answered }).toEqual({ all: 100, wrong: [], answered: 201 });
  });
});
