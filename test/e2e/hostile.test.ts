import { expect, it } from '@jest/globals';
import { runHostile } from './scenarios/hostile.ts';

// how fast clients are answered depends on the machine too: the proof reports it
it('survives everything hostile at once, without losing an alert or leaving anything behind', async () => {
  const record = await runHostile({
    good: 100,
    hanging: 140,
    intervalSeconds: 5,
    timeoutSeconds: 4,
    alerts: 3_000,
    readers: 40,
    seconds: 20,
    patienceSeconds: 60,
    roundSeconds: 10,
    heapMb: 192,
  });
  const { requests, deliveries, ledger, faults, rest, log } = record;
  for (const [name, { failed }] of Object.entries(requests)) expect([name, failed]).toEqual([name, []]);
  expect(deliveries.answered).toBe(requests['deliveries of Alertmanager']?.count);
  expect({ lost: ledger.lost, twice: ledger.twice }).toEqual({ lost: [], twice: [] });
  expect(ledger.wrong).toEqual({});
  expect(faults.outageSeconds.every(Number.isFinite)).toBe(true);
  expect(ledger.reloads).toBeGreaterThan(0);
  expect(record.checks.hangingRuns.fewest).toBeGreaterThan(0);
  expect(log.errors).toEqual([]);
  expect(rest.lastReloadSuccessful).toBe(1);
  expect(rest.statuses.filter((status) => status !== 200)).toEqual([]);
  expect(record.end.exitCode).toBe(0);
});
