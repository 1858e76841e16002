import { describe, expect, it } from '@jest/globals';
import { runTimeoutMs } from '../../../src/probes/endpoint/scrape-timeout.ts';

describe('the timeout of a run of /probe', () => {
  const rows: readonly (readonly [
    header: string | undefined,
    module: number | undefined,
    expected: number,
  ])[] = [
    [undefined, undefined, 119_500],
    ['', undefined, 119_500],
    ['0', undefined, 119_500],
    [undefined, 5_000, 5_000],
    [undefined, 200_000, 119_500],
    ['5', undefined, 4_500],
    ['5', 3_000, 3_000],
    ['5', 4_500, 4_500],
    ['5', 5_000, 4_500],
    ['5', 10_000, 4_500],
    ['0.5', undefined, 0],
    ['0.5', 2_000, 0],
    ['0.1', undefined, 0],
    ['0.1', 2_000, 2_000],
    ['-1', 2_000, 2_000],
    ['1e1', undefined, 9_500],
    ['.75', undefined, 250],
    ['+5', undefined, 4_500],
    ['inf', 3_000, 3_000],
    ['Infinity', undefined, 24 * 86_400_000],
    ['nan', 3_000, 0],
  ];
  it.each(rows)('header %j and module timeout %j ms: %d ms', (header, module, expected) => {
    expect(runTimeoutMs(header, module)).toBe(expected);
  });

  it.each(['5s', 'five', '5,0', ' 5', '0x', '--5'])('is undefined for the header %j', (header) => {
    expect(runTimeoutMs(header, 1_000)).toBeUndefined();
  });
});
