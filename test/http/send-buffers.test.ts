import { describe, expect, it } from '@jest/globals';
import { SendBuffers } from '../../src/http/send-buffers.ts';

const MB = 1_000_000;

function create(limitMb = 10) {
  const sendBuffers = new SendBuffers(() => limitMb * MB);
  const cut: string[] = [];
  return {
    unsent: sendBuffers,
    cut,
    send: (name: string, chunks: readonly Buffer[]) => {
      const sending = sendBuffers.open(() => cut.push(name));
      sending.retain(chunks);
      return sending;
    },
  };
}

const body = (chunks: number) => Array.from({ length: chunks }, () => Buffer.alloc(MB));

describe('responses that clients have not read', () => {
  it('count shared buffers once, until the last reader is done', () => {
    const { unsent: sendBuffers, cut, send } = create();
    const page = body(6);
    const readers = Array.from({ length: 500 }, (_, i) => send(`reader ${i}`, page));
    expect([sendBuffers.bytes, cut]).toEqual([6 * MB, []]);
    for (const reader of readers.slice(1)) reader.close();
    expect(sendBuffers.bytes).toBe(6 * MB);
    readers[0]?.close();
    readers[0]?.close();
    expect(sendBuffers.bytes).toBe(0);
  });

  it('are bounded: beyond the limit, the client that has read nothing for longest is cut off', () => {
    const { unsent: sendBuffers, cut, send } = create();
    const first = send('first', body(4));
    send('second', body(4));
    first.progressed();
    send('third', body(4));
    expect([cut, sendBuffers.bytes]).toEqual([['second'], 8 * MB]);
    send('fourth', body(9));
    expect([cut, sendBuffers.bytes]).toEqual([['second', 'first', 'third'], 9 * MB]);
    first.progressed();
    first.close();
    expect(sendBuffers.bytes).toBe(9 * MB);
  });

  it('may be larger than the limit for a single client', () => {
    const { unsent: sendBuffers, cut, send } = create();
    const reader = send('large', body(30));
    expect([cut, sendBuffers.bytes]).toEqual([[], 30 * MB]);
    send('another', body(1));
    expect(cut).toEqual(['large']);
    reader.close();
    expect(sendBuffers.bytes).toBe(MB);
  });

  it('spare clients that read the parts shared by all', () => {
    const { unsent: sendBuffers, cut, send } = create();
    const common = body(5);
    for (let i = 0; i < 20; i++) send(`version ${i}`, [...common, ...body(1)]);
    expect(sendBuffers.bytes).toBeLessThanOrEqual(10 * MB);
    expect(cut).toEqual(Array.from({ length: 15 }, (_, i) => `version ${i}`));
  });
});
