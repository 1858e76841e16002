import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { negotiate } from '../../../src/exposition/formats/negotiate.ts';

const TEXT = 'text/plain; version=0.0.4; charset=utf-8';
const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
const PROTOBUF =
  'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';

const PROTO = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited';
const OM = 'application/openmetrics-text;version=1.0.0';
const OM0 = 'application/openmetrics-text;version=0.0.1';

/** What real scrapers send, verbatim, and what they are answered. */
const SCRAPERS: readonly (readonly [who: string, accept: string, contentType: string])[] = [
  [
    'Prometheus 2.26',
    'application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    'application/openmetrics-text; version=0.0.1; charset=utf-8',
  ],
  ['Prometheus 2.42', `${OM},${OM0};q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1`, OPENMETRICS],
  [
    'Prometheus 2.42 with native histograms',
    `${PROTO},${OM};q=0.8,${OM0};q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1`,
    PROTOBUF,
  ],
  [
    'Prometheus 2.49.0, whose wildcard weighs 2',
    `${OM};q=0.5,${OM0};q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=2`,
    OPENMETRICS,
  ],
  ['Prometheus 2.53', `${OM};q=0.5,${OM0};q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2`, OPENMETRICS],
  [
    'Prometheus 2.53 with native histograms',
    `${PROTO};q=0.5,${OM};q=0.4,${OM0};q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1`,
    PROTOBUF,
  ],
  [
    'Prometheus 2.55 with UTF-8 names',
    `${OM};escaping=allow-utf-8;q=0.5,${OM0};escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;escaping=allow-utf-8;q=0.3,*/*;escaping=allow-utf-8;q=0.2`,
    `${OPENMETRICS}; escaping=allow-utf-8`,
  ],
  [
    'Prometheus 3.0, which says escaping twice',
    `${OM};escaping=allow-utf-8;q=0.6,${OM0};escaping=allow-utf-8;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;escaping=allow-utf-8;q=0.3,*/*;q=0.2`,
    `${OPENMETRICS}; escaping=allow-utf-8`,
  ],
  [
    'Prometheus 3.4',
    `${OM};escaping=allow-utf-8;q=0.6,${OM0};q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2`,
    `${OPENMETRICS}; escaping=allow-utf-8`,
  ],
  [
    'Prometheus 3.4 with native histograms',
    `${PROTO};q=0.6,${OM};escaping=allow-utf-8;q=0.5,${OM0};q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1`,
    PROTOBUF,
  ],
  [
    'Prometheus 3.4 with legacy names',
    `${OM};escaping=underscores;q=0.6,${OM0};q=0.5,text/plain;version=1.0.0;escaping=underscores;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2`,
    `${OPENMETRICS}; escaping=underscores`,
  ],
  [
    'Prometheus 3.4 with scrape_protocols: [PrometheusText1.0.0]',
    'text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,*/*;q=0.5',
    'text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8',
  ],
  ['Firefox', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', TEXT],
  ['curl', '*/*', TEXT],
];

describe('negotiation', () => {
  it.each(SCRAPERS)('answers %s with its preferred format', (_who, accept, contentType) => {
    expect(negotiate(accept, undefined).contentType).toBe(contentType);
  });

  it.each([
    [undefined, 'text'],
    ['', 'text'],
    ['text/*', 'text'],
    ['application/json', 'text'],
    ['text/plain;q=0', 'text'],
    [`${OM};q=0, text/plain`, 'text'],
    [`${OM};q=0`, 'text'],
    ['text/plain;version=9', 'text'],
    ['text/plain', 'text'],
    ['application/openmetrics-text;version=2.0.0, text/plain;q=0.1', 'text'],
    ['application/openmetrics-text', 'openmetrics'],
    [' APPLICATION/OpenMetrics-Text ; Version="1.0.0" ;q=.5 , */*;q=0.1', 'openmetrics'],
    [`${PROTO.replace('delimited', 'text')}, ${OM};q=0.1`, 'openmetrics'],
    ['application/vnd.google.protobuf', 'text'],
    [`${OM};q=9`, 'openmetrics'],
    [`${OM};q=much, text/plain;q=0.1`, 'text'],
  ])('answers Accept %j with %s', (accept, format) => {
    expect(negotiate(accept, undefined).format.name).toBe(format);
  });

  it.each([
    [`${OM};escaping=dots`, 'dots', '; escaping=dots'],
    ['text/plain;escaping=values', 'values', '; escaping=values'],
    // requested by an element that cannot be served, as in client_golang
    ['image/png;escaping=dots, text/plain;q=0.1', 'dots', '; escaping=dots'],
    ['text/plain;escaping=rot13', 'underscores', ''],
    ['text/plain', 'underscores', ''],
  ])('escapes for %j with %s', (accept, escaping, suffix) => {
    const { format, contentType } = negotiate(accept, undefined);
    expect([format.escaping, contentType.replace(/^[^=]*=[^=]*=utf-8/, '')]).toEqual([escaping, suffix]);
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

  it('never throws, for any input', () => {
    const words = ['gzip', ';', 'q', '=', '1', '.', ',', ' ', '*', '"', OM, 'text/plain', 'escaping=dots'];
    const header = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...words) }));
    fc.assert(
      fc.property(header, header, (accept, encodings) => {
        expect(negotiate(accept, encodings).contentType).toMatch(/^(text|application)\//);
      }),
    );
  });
});
