import { describe, expect, it } from '@jest/globals';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { BodyBudget } from '../../src/http/body-budget.ts';
import { readBody } from '../../src/http/read-body.ts';

/** A request of which 600 of 900 bytes have arrived. */
function upload() {
  const request = new IncomingMessage(new Socket());
  request.headers['content-length'] = '900';
  request.push(new Uint8Array(600));
  return request;
}

function finish(request: IncomingMessage) {
  request.push(new Uint8Array(300));
  request.push(null);
}

describe('reading a body', () => {
  it('is answered with 503 when the upload stalls and another one needs its bytes', async () => {
    let now = 0;
    const budget = new BodyBudget({ max: () => 1_000, monotonic: () => now, fair: false });
    const read = (request: IncomingMessage, address: string) =>
      readBody(request, { limit: 1_000, budget, address, authenticated: true });
    const [stalled, moving] = [upload(), upload()];
    const lost = expect(read(stalled, '192.0.2.1')).rejects.toMatchObject({ status: 503 });
    await new Promise(setImmediate);
    expect(budget.held).toBe(600);
    now = 2_000;
    const whole = read(moving, '192.0.2.2');
    finish(moving);
    await lost;
    const { bytes, reservation } = await whole;
    expect(bytes.byteLength).toBe(900);
    expect(budget.held).toBe(900);
    reservation.release();
    expect(budget.held).toBe(0);
  });
});
