import { expect, it } from '@jest/globals';
import { describeWithPeers } from '../support/processes/peers.ts';
import { runEscalation } from './scenarios/escalation.ts';

describeWithPeers(['prometheus', 'alertmanager'], 'unacknowledged alerts', () => {
  it('escalate one by one on time; acknowledged and silenced ones do not, and services use their own levels', async () => {
    const levels = [5, 10] as const;
    const { reached, acknowledged, suppressed } = await runEscalation({ levels, intervalSeconds: 1 });
    for (const instance of ['a', 'b'] as const) {
      for (const [index, level] of ([2, 3] as const).entries()) {
        const seconds = reached[instance][level] ?? Number.NaN;
        // `for` of the rule is 15 s
        expect(seconds).toBeGreaterThanOrEqual((levels[index] ?? 0) + 14);
      }
      expect(reached[instance][3]).toBeGreaterThan(reached[instance][2] ?? Number.NaN);
    }
    expect(reached.own).toEqual({ 2: expect.any(Number), 3: undefined });
    expect(reached.own[2]).toBeGreaterThanOrEqual(levels[1] + 14);
    const never = { 2: undefined, 3: undefined };
    expect([reached.taken, reached.silenced, reached.never]).toEqual([never, never, never]);
    expect([acknowledged, suppressed]).toEqual([true, 'silenced']);
  });
});
