import { expect, it } from '@jest/globals';
import { memoize } from '../../src/config/memoize.ts';

it.each([['text'], [undefined]])('makes a value once, on first use: %s', (value) => {
  let made = 0;
  const get = memoize(() => {
    made += 1;
    return value;
  });
  expect(made).toBe(0);
  expect([get(), get(), get()]).toEqual([value, value, value]);
  expect(made).toBe(1);
});
