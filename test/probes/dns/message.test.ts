import { describe, expect, it } from '@jest/globals';
import { decode, encode } from 'dns-packet';
import fc from 'fast-check';
import { answersQuery, decodeAnswer, encodeQuery } from '../../../src/probes/dns/message.ts';
import { MalformedMessageError } from '../../../src/probes/dns/reader.ts';
import { unframe } from '../../../src/probes/dns/exchange.ts';
import { recordText } from '../../../src/probes/dns/record-text.ts';

const label = fc.stringMatching(/^[a-z0-9-]{1,20}$/);
const names = fc.array(label, { minLength: 1, maxLength: 5 });

/** The result of `read`, or `malformed`; every other error is a bug. */
function orMalformed<T>(read: () => T): T | 'malformed' {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedMessageError) return 'malformed';
    throw error;
  }
}

describe('a query', () => {
  it('is read correctly by another implementation', () => {
    fc.assert(
      fc.property(names, fc.nat(0xffff), fc.boolean(), (labels, id, recursion) => {
        const question = { labels: labels.map((each) => Buffer.from(each)), type: 28, class: 3 };
        const { id: readId, questions, flag_rd, type } = decode(encodeQuery(id, question, recursion));
        expect({ readId, questions, flag_rd, type }).toEqual({
          readId: id,
          questions: [{ name: labels.join('.'), type: 'AAAA', class: 'CH' }],
          flag_rd: recursion,
          type: 'query',
        });
      }),
    );
  });
});

describe('an answer', () => {
  const record = fc.record({ labels: names, ttl: fc.nat(0x7fff_ffff), address: fc.ipV4() });

  it('from another implementation is read correctly, with compressed names or not', () => {
    fc.assert(
      fc.property(fc.array(record), fc.array(record), fc.nat(0xffff), (answers, additionals, id) => {
        const rr = ({ labels, ttl, address }: (typeof answers)[0]) =>
          ({ type: 'A', name: labels.join('.'), ttl, data: address }) as const;
        const message = encode({
          type: 'response',
          id,
          answers: answers.map(rr),
          additionals: additionals.map(rr),
        });
        const read = decodeAnswer(message);
        const texts = (all: typeof answers) =>
          all.map(({ labels, ttl, address }) => `${labels.join('.')}.\t${ttl}\tIN\tA\t${address}`);
        expect(read.id).toBe(id);
        expect(read.answers.map(recordText)).toEqual(texts(answers));
        expect(read.additionals.map(recordText)).toEqual(texts(additionals));
      }),
    );
  });

  it('of any bytes is read, or reported as malformed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const read = orMalformed(() => decodeAnswer(Buffer.from(bytes)));
        if (read !== 'malformed') for (const each of read.answers) orMalformed(() => recordText(each));
      }),
      { numRuns: 2_000 },
    );
  });

  it('may be just a header', () => {
    const { rcode, answers } = decodeAnswer(Buffer.from('0001818500010002000000 00'.replace(' ', ''), 'hex'));
    expect({ rcode, answers }).toEqual({ rcode: 5, answers: [] });
  });

  it('that ends between two records counts up to its end', () => {
    const rr = { type: 'A', name: 'a.b', data: '1.2.3.4' } as const;
    const whole = encode({ type: 'response', answers: [rr, rr] });
    expect(decodeAnswer(whole.subarray(0, whole.length - 19)).answers).toHaveLength(1);
  });

  it('has the upper bits of its rcode in its OPT record', () => {
    const opt = Buffer.from('00 0029 1000 01000000 0000'.replaceAll(' ', ''), 'hex');
    const header = Buffer.from('000180000000000000000001', 'hex');
    const { rcode, additionals } = decodeAnswer(Buffer.concat([header, opt]));
    expect(rcode).toBe(16);
    expect(additionals.map(recordText)).toEqual([
      '\n;; OPT PSEUDOSECTION:\n; EDNS: version 0; flags:; udp: 4096',
    ]);
  });
});

describe('whether a message answers a query', () => {
  const query = encodeQuery(7, { labels: [Buffer.from('a'), Buffer.from('B')], type: 1, class: 1 }, true);
  const response = (change: (message: Buffer) => void): Buffer => {
    const message = Buffer.from(query);
    message.writeUInt16BE(0x8180, 2);
    change(message);
    return message;
  };

  it.each([
    ['the same question', response(() => undefined), true],
    ['its name in another case', response((message) => message.write('A', 13)), true],
    ['another name', response((message) => message.write('x', 13)), false],
    ['another type', response((message) => message.writeUInt16BE(2, message.length - 4)), false],
    ['another id', response((message) => message.writeUInt16BE(8, 0)), false],
    ['a query, not a response', query, false],
    ['just a header', response(() => undefined).subarray(0, 12), true],
    ['less than a header', response(() => undefined).subarray(0, 11), false],
    ['no question', response((message) => message.writeUInt16BE(0, 4)), true],
  ])('%s: %#', (_what, message, expected) => {
    expect(answersQuery(message, query)).toBe(expected);
  });
});

it('a message in a stream is read once it is complete, and not before', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(150), (bytes, cut) => {
      const stream = Buffer.concat([Buffer.from([0, bytes.length]), bytes]);
      const expected = cut >= stream.length ? Buffer.from(bytes) : undefined;
      expect(unframe(stream.subarray(0, cut))).toEqual(expected);
    }),
  );
});
