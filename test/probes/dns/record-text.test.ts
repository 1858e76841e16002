import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { labelText, nameLabels } from '../../../src/probes/dns/escapes.ts';
import { ipv6Text } from '../../../src/probes/dns/fields.ts';
import type { ResourceRecord } from '../../../src/probes/dns/message.ts';
import { MalformedMessageError, WireReader } from '../../../src/probes/dns/reader.ts';
import { recordText } from '../../../src/probes/dns/record-text.ts';
import { RECORD_TEXTS } from './record-texts.ts';

function record(type: number, data: Buffer, of = 1): ResourceRecord {
  return { name: 'www.example.', type, class: of, ttl: 300, data: () => new WireReader(data) };
}

describe('the text of a record', () => {
  it.each(RECORD_TEXTS)(
    'of type %i, data %s, class %i is that of blackbox_exporter',
    (type, hex, of, text) => {
      expect(recordText(record(type, Buffer.from(hex, 'hex'), of))).toBe(text);
    },
  );

  it('is refused when its data is truncated, or followed by more', () => {
    const whole = RECORD_TEXTS.filter(
      ([type, hex]) => [1, 6, 15, 28, 33, 46, 51].includes(type) && hex !== '',
    );
    expect(whole.length).toBeGreaterThan(7);
    for (const [type, hex] of whole) {
      const data = Buffer.from(hex, 'hex');
      const fixed = type !== 46;
      expect(() => recordText(record(type, data.subarray(0, 3)))).toThrow(MalformedMessageError);
      if (fixed)
        expect(() => recordText(record(type, Buffer.concat([data, Buffer.of(0)])))).toThrow(/more data/);
    }
  });

  it.each([
    ['of an unknown family', 42, '00000000'],
    ['with a gateway of an unknown type', 45, '0a0400'],
    ['with a bitmap out of order', 47, '00010140000140'],
    ['of an unknown LOC version', 29, '01000000'],
  ])('is refused for a record %s', (_what, type, hex) => {
    expect(() => recordText(record(type, Buffer.from(hex, 'hex')))).toThrow(MalformedMessageError);
  });

  it('is written for any data, or the data is malformed', () => {
    const types = [...new Set(RECORD_TEXTS.map(([type]) => type)), 41, 10, 65_000];
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.uint8Array({ maxLength: 60 }), (type, bytes) => {
        try {
          expect(recordText(record(type, Buffer.from(bytes)))).toContain(
            type === 41 ? 'OPT' : 'www.example.\t300\t',
          );
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessageError);
        }
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('escapes', () => {
  it('of any label decode to the same octets', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 63 }), { minLength: 1, maxLength: 3 }),
        (labels) => {
          const name = labels.map((each) => `${labelText(each)}.`).join('');
          expect(nameLabels(name)?.map((each) => [...each])).toEqual(labels.map((each) => [...each]));
        },
      ),
    );
  });
});

describe('the text of an IPv6 address', () => {
  it('is that of the same address, and the shortest possible', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(0, 0, 1, 0xdb8, 0xffff), { minLength: 8, maxLength: 8 }),
        (words) => {
          const bytes = Buffer.alloc(16);
          words.forEach((word, i) => bytes.writeUInt16BE(word, i * 2));
          const text = ipv6Text(bytes);
          if (text.startsWith('::ffff:') && text.includes('.')) return;
          expect(new URL(`http://[${text}]/`).hostname).toBe(`[${text}]`);
        },
      ),
    );
  });
});
