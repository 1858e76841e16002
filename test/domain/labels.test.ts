import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalLabels, compareUtf8, fingerprint, type LabelSet } from '../../src/domain/labels.ts';

const codelab = (instance: string): LabelSet => ({
  alertname: 'InstanceDown',
  code: '200',
  instance,
  job: 'prometheus',
  monitor: 'codelab-monitor',
  severity: 'critical',
});

/** The definition, literally, on BigInt. */
function reference(labels: LabelSet): string {
  let hash = 14695981039346656037n;
  const names = Object.keys(labels).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  for (const name of names) {
    for (const text of [name, labels[name] ?? '']) {
      for (const byte of [...Buffer.from(text), 0xff]) {
        hash = ((hash ^ BigInt(byte)) * 1099511628211n) & 0xffff_ffff_ffff_ffffn;
      }
    }
  }
  return hash.toString(16).padStart(16, '0');
}

const anyText = fc.string({ unit: 'binary', maxLength: 12 });
const anyLabels = fc.dictionary(anyText, anyText, { maxKeys: 8 });

describe('fingerprint', () => {
  it.each<[string, LabelSet]>([
    ['cbf29ce484222325', {}],
    ['3fff2c2d7595e046', { foo: 'bar' }],
    ['fac0861a85de433a', { lbl1: 'val1', alertname: 'alert1' }],
    [
      'f404ecabc8dd5cd7',
      {
        job: 'node',
        group: 'production',
        instance: 'localhost:8081',
        severity: 'critical',
        alertname: 'InstanceDown',
      },
    ],
  ])('is %s as Prometheus computes it', (expected, labels) => {
    expect(fingerprint(labels)).toBe(expected);
  });

  it('agrees with the definition for any text', () => {
    fc.assert(
      fc.property(anyLabels, (labels) => fingerprint(labels) === reference(labels)),
      { numRuns: 500 },
    );
  });

  it('treats a lone surrogate as U+FFFD, as Go does', () => {
    expect(fingerprint({ a: '\ud800' })).toBe(fingerprint({ a: '\ufffd' }));
  });

  it('differs between instances', () => {
    expect(fingerprint(codelab('localhost:9090'))).not.toBe(fingerprint(codelab('127.0.0.1:9090')));
  });
});

describe('compareUtf8', () => {
  it('orders by bytes, also beyond the basic plane', () => {
    expect(compareUtf8('\u{1f600}', '\uff5e')).toBeGreaterThan(0);
    const sign = (a: string, b: string) => Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    fc.assert(fc.property(anyText, anyText, (a, b) => Math.sign(compareUtf8(a, b)) === sign(a, b)));
  });
});

describe('canonicalLabels', () => {
  it('returns the same text for equal sets, in any order', () => {
    fc.assert(
      fc.property(anyLabels, (labels) => {
        const turned = Object.fromEntries(Object.entries(labels).reverse());
        expect(canonicalLabels(turned)).toBe(canonicalLabels(labels));
        expect(JSON.parse(canonicalLabels(labels))).toEqual(labels);
      }),
    );
  });
});
