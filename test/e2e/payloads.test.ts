import { expect, it } from '@jest/globals';
import { runPayloads } from './scenarios/payloads.ts';

it('answers anything that is posted to a webhook, and never with 500', async () => {
  const { statuses, errors, exitCode, sent } = await runPayloads({
    payloads: 8_000,
    connections: 16,
    samples: 2_000,
    maxSeconds: Infinity,
    seed: 7,
  });
  expect(Object.keys(statuses).filter((status) => !['200', '400', '503'].includes(status))).toEqual([]);
  expect({ errors, exitCode, sent: sent >= 8_000 }).toEqual({ errors: [], exitCode: 0, sent: true });
  expect(statuses[200]).toBeGreaterThan(1_000);
  expect(statuses[400]).toBeGreaterThan(1_000);
});
