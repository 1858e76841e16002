import { expect, it } from '@jest/globals';
import { describeWithPeers } from '../support/processes/peers.ts';
import {
  clockSetBack,
  flappingPair,
  nextPeer,
  postedByPair,
  restarts,
  shortLives,
} from './scenarios/lives.ts';

const SIZE = { alerts: 2, flaps: 1, restarts: 1, lives: 3 };

// concurrently, since they mostly wait
describeWithPeers(['alertmanager'], 'lives of alerts, as real Alertmanagers report them,', () => {
  it.concurrent.each([
    ['of a sender whose clock is an hour ahead and set back', clockSetBack],
    ['that are shorter than the tolerance', shortLives],
    ['of a peer that dies, and the next one of the other peer', nextPeer],
  ])('are recorded as they were: %s', async (_what, scenario) => {
    const { wrong, lives, reported } = await scenario(SIZE);
    expect({ wrong, reported }).toEqual({ wrong: [], reported: lives });
  });

  it.concurrent(
    'are those that Alertmanager has, when a pair without replica labels posts lives minutes apart',
    async () => {
      expect((await postedByPair(SIZE)).wrong).toEqual([]);
    },
  );
});

describeWithPeers(['alertmanager', 'prometheus'], 'lives of alerts of real Prometheus servers', () => {
  it.concurrent(
    'are open while one of a pair without replica labels fires, whatever the other does',
    async () => {
      expect((await flappingPair(SIZE)).wrong).toEqual([]);
    },
  );

  it.concurrent('are recorded as they were when Alertmanager restarts', async () => {
    const { wrong, lives, reported } = await restarts(SIZE);
    expect({ wrong, reported }).toEqual({ wrong: [], reported: lives });
  });
});
