import { expect, it } from '@jest/globals';
import { describeWithPeers } from '../support/processes/peers.ts';
import { runCluster } from './scenarios/cluster.ts';

describeWithPeers(['alertmanager'], 'two Alertmanagers in a cluster', () => {
  it('result in one episode per life, whatever happens between them and Tocsin', async () => {
    const record = await runCluster({ downSeconds: 15, perKind: 3 });
    expect({ wrong: record.wrong, repeated: record.repeatedTransitions }).toEqual({
      wrong: [],
      repeated: [],
    });
    expect(record.episodes).toBe(record.lives);
    // how often, in proportion to what is new, depends on how long everything takes
    expect(record.unrepeated).toEqual([]);
  });
});
