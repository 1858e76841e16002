import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalLabels } from '../../../../src/domain/labels.ts';
import {
  encodeTexts,
  decodeTexts,
  SegmentBuffer,
  SegmentLines,
  encodeEventLine,
  type NewSegment,
  type StoredEvent,
} from '../../../../src/ledger/sqlite/events/segment.ts';

const anyText = fc.string({
  unit: fc.constantFrom('a', '"', '\\', '\t', '\n', '\r', '\u2028', '\u0000', 'é', '😀'),
});
const anyLabels = fc.dictionary(anyText, anyText).map(canonicalLabels);
const anyAlert = fc.record({
  fingerprint: fc.constant('00ff00ff00ff00ff'),
  episode: fc.nat(),
  previous: fc.nat(1_000),
  common: fc.constantFrom('"webhook":"a"', '"webhook":"b\\n"'),
  labels: anyLabels,
  annotations: anyLabels,
  generatorUrl: anyText,
});
const anyEvent: fc.Arbitrary<StoredEvent> = fc.oneof(
  fc.record({
    type: fc.constantFrom('a', 'b'),
    time: fc.nat(2),
    data: fc.jsonValue().map((value) => JSON.stringify({ value })),
    alert: anyAlert,
  }),
  fc.record({
    type: fc.constant('c'),
    subject: anyText,
    time: fc.nat(2),
    data: fc.jsonValue().map((value) => JSON.stringify(value)),
  }),
);
const TYPES = ['a', 'b', 'c'];

/** Writes events from an offset on; events that are in no segment yet are left out. */
function written(events: readonly StoredEvent[], first: number): NewSegment[] {
  const segments: NewSegment[] = [];
  const buffer = new SegmentBuffer((segment) => segments.push(segment));
  for (const [i, event] of events.entries()) {
    const type = TYPES.indexOf(event.type);
    buffer.add(first + i, type, encodeEventLine(type, event, first + i), event);
  }
  buffer.flush();
  return segments;
}

describe('segments', () => {
  it('return every event as it was written', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 20 }), fc.integer({ min: 1, max: 9 }), (events, first) => {
        const segments = written(events, first);
        const offsets = segments.flatMap(({ first: from, last }) =>
          Array.from({ length: last - from + 1 }, (_, i) => from + i),
        );
        expect(offsets).toEqual(events.map((_, i) => first + i));
        for (const [i, { type, subject, time, data, alert }] of events.entries()) {
          const offset = first + i;
          const segment = segments.find(({ last }) => offset <= last);
          if (segment === undefined) throw new Error(`no segment has ${offset}`);
          const lines = new SegmentLines(segment);
          expect([lines.type(offset), segment.time]).toEqual([TYPES.indexOf(type), time]);
          expect([...segment.types]).toContain(TYPES.indexOf(type));
          expect(lines.subject(offset)).toBe(alert?.fingerprint ?? subject);
          const read = JSON.parse(lines.data(offset, type)) as unknown;
          if (alert === undefined) {
            expect(read).toEqual(JSON.parse(data));
            continue;
          }
          const { common, labels, annotations, generatorUrl, ...rest } = alert;
          expect(read).toEqual({
            ...(JSON.parse(data) as object),
            ...{ transition: type, episode: String(alert.episode), fingerprint: alert.fingerprint },
            ...(JSON.parse(`{${common}}`) as object),
            generator_url: generatorUrl,
            labels: JSON.parse(labels) as unknown,
            annotations: JSON.parse(annotations) as unknown,
          });
          expect(lines.alert(offset)).toEqual({ ...rest, labels, annotations, generatorUrl });
        }
      }),
    );
  });

  it('hold events of one time and one delivery, or a single event of another kind', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 20 }), (events) => {
        for (const { first, last, time } of written(events, 1)) {
          const own = events.slice(first - 1, last);
          expect(own.every((event) => event.time === time)).toBe(true);
          expect(new Set(own.map(({ alert }) => alert?.common)).size).toBe(1);
          if (own.some(({ alert }) => alert === undefined)) expect(own).toHaveLength(1);
        }
      }),
    );
  });

  it('resolve a previous event whose offset was not known yet', () => {
    const alert = {
      fingerprint: '00',
      episode: 1,
      common: '',
      labels: '{}',
      annotations: '{}',
      generatorUrl: '',
    };
    const event = { type: 'a', time: 0, data: '{}' };
    const line = encodeEventLine(0, { ...event, alert: { ...alert, previous: -3 } }, -5);
    const segment = { first: 105, last: 105, time: 0, subject: null, lines: `\n${line}` };
    expect(new SegmentLines(segment).alert(105)?.previous).toBe(103);
  });

  it('are rolled back, sealed or not', () => {
    const segments: NewSegment[] = [];
    const buffer = new SegmentBuffer((segment) => segments.push(segment));
    const event = (time: number): StoredEvent => ({
      ...{ type: 'a', time, data: '{}' },
      alert: {
        fingerprint: '',
        episode: 1,
        previous: 0,
        common: '',
        labels: '',
        annotations: '',
        generatorUrl: '',
      },
    });
    buffer.add(1, 0, 'one', event(1));
    const back = buffer.savepoint();
    buffer.add(2, 0, 'two', event(1));
    buffer.add(3, 0, 'three', event(2));
    expect(segments.map(({ lines }) => lines)).toEqual(['\none\ntwo']);
    back();
    expect([buffer.line(1), buffer.line(2)]).toEqual(['one', undefined]);
    buffer.flush();
    expect(segments.at(-1)).toMatchObject({ first: 1, last: 1, lines: '\none' });
  });

  it('read back the texts kept for an episode', () => {
    fc.assert(
      fc.property(anyAlert, ({ labels, annotations, generatorUrl }) => {
        const texts = { labels, annotations, generatorUrl };
        expect(decodeTexts(encodeTexts(texts))).toEqual(texts);
      }),
    );
  });
});
