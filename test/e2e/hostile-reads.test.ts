import { expect, it } from '@jest/globals';
import { runHostileReads } from './scenarios/hostile-reads.ts';

// how fast a healthy client is answered depends on the machine too: the proof reports it
it('survives hostile readers of every path, without losing an alert or running out of memory', async () => {
  const record = await runHostileReads({
    services: 300,
    alerts: 3_000,
    readers: 100,
    addresses: 20,
    seconds: 10,
    patienceSeconds: 60,
    heapMb: 128,
  });
  expect(record.counts.ended).toBeGreaterThan(100);
  expect(record.counts.answers['200']).toBeGreaterThan(0);
  expect(record.failed).toEqual([]);
  expect(record.listed).toBe(record.delivered);
  expect(record.after.status).toBe(200);
  expect(record.errors).toEqual([]);
  expect(record.residentBytes.peak).toBeLessThan(300e6);
});
