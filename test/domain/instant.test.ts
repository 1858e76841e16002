import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formatInstant, parseInstant } from '../../src/domain/instant.ts';

const two = (value: number): string => String(value).padStart(2, '0');
const year = fc.integer({ min: 1, max: 9_999 }).map((value) => String(value).padStart(4, '0'));

describe('an RFC 3339 time', () => {
  it.each([
    '2026-02-30T00:00:00Z',
    '2026-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2100-02-29T00:00:00Z',
    '2026-00-10T00:00:00Z',
    '2026-13-10T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-01-32T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:60:00Z',
    '2026-01-01T00:00:61Z',
    '2026-01-01T00:00:00+24:00',
    '2026-01-01T00:00:00+00:60',
  ])('is invalid where the calendar or the clock has no such time: %s', (text) => {
    expect(parseInstant(text)).toBeUndefined();
  });

  it.each([
    ['2024-02-29T12:00:00Z', '2024-02-29T12:00:00Z'],
    ['2000-02-29T23:59:59.5+23:59', '2000-02-29T00:00:59.5Z'],
    ['2026-12-31T23:59:60Z', '2027-01-01T00:00:00Z'],
    ['2026-03-01T00:00:00+02:00', '2026-02-28T22:00:00Z'],
  ])('%s is %s', (text, shown) => {
    expect(formatInstant(parseInstant(text)?.ns ?? 0n)).toBe(shown);
  });

  it('is accepted exactly where each of its parts survives a round trip', () => {
    const upTo = (max: number) => fc.integer({ min: 0, max });
    const parts = fc.tuple(year, upTo(14), upTo(33), upTo(25), upTo(61), upTo(61));
    fc.assert(
      fc.property(parts, ([y, month, day, hour, minute, second]) => {
        const text = `${y}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}Z`;
        const days =
          month >= 1 && month <= 12
            ? new Date(Date.UTC(2_000 + (Number(y) % 400), month, 0)).getUTCDate()
            : 0;
        const exists = day >= 1 && day <= days && hour < 24 && minute < 60 && second <= 60;
        const read = parseInstant(text);
        expect(read !== undefined).toBe(exists);
        if (read !== undefined && second < 60) expect(formatInstant(read.ns)).toBe(text);
      }),
      { numRuns: 2_000 },
    );
  });
});
