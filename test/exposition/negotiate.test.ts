import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { negotiate } from '../../src/exposition/negotiate.ts';

const TEXT = 'text/plain; version=0.0.4; charset=utf-8';

describe('negotiation', () => {
  it.each([
    undefined,
    '',
    '*/*',
    'application/json',
    'text/plain;q=0',
    // Prometheus 2.42, 2.49.0 and 3.0
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=2',
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=1.0.0;escaping=allow-utf-8;escaping=allow-utf-8;q=0.4,*/*;q=0.2',
  ])('answers Accept %j with text 0.0.4', (accept) => {
    expect(negotiate(accept, undefined)).toEqual({ contentType: TEXT, encoding: 'identity' });
  });

  it.each([
    ['gzip', 'gzip'],
    ['gzip, deflate, br', 'gzip'],
    ['GZIP ; q=0.5', 'gzip'],
    ['x-gzip', 'gzip'],
    ['gzip;q=0.001', 'gzip'],
    ['gzip;q=7', 'gzip'],
    ['gzip;q=0', 'identity'],
    ['gzip;q=0.000', 'identity'],
    ['gzip;q=much', 'identity'],
    ['gzip;q=0.5, identity', 'identity'],
    ['zstd', 'identity'],
    ['*', 'identity'],
    ['', 'identity'],
    [',;,gzip', 'gzip'],
  ])('answers Accept-Encoding %j with %s', (header, encoding) => {
    expect(negotiate(undefined, header).encoding).toBe(encoding);
  });

  it('never throws, whatever it is given', () => {
    const header = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom('gzip', ';', 'q', '=', '1', '.', ',', ' ', '*', '"') }),
    );
    fc.assert(
      fc.property(header, header, (accept, encodings) => {
        expect(negotiate(accept, encodings).contentType).toBe(TEXT);
      }),
    );
  });
});
