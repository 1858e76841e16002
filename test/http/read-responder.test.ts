import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Router } from 'express';
import { ConcurrencyLimiter } from '../../src/http/concurrency-limiter.ts';
import { Query } from '../../src/http/query.ts';
import type { ReadResponder } from '../../src/http/reads/read-responder.ts';
import { SharedWork } from '../../src/http/reads/shared-work.ts';
import { SendBuffers } from '../../src/http/send-buffers.ts';
import { serveHandlers, type HttpRig } from '../support/http/http-rig.ts';
import { testReads } from '../support/http/reads.ts';
import { until } from '../support/until.ts';

let rig: HttpRig | undefined;
let sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  await rig?.close();
  rig = undefined;
});

interface Shown {
  readonly rows: readonly { readonly i: number }[];
  readonly next_after: string | null;
}

/** A list of this many rows of this many bytes, behind the guard. */
async function serveList(reads: ReadResponder, rows: number, bytes: number) {
  const padding = 'x'.repeat(bytes);
  const asked: number[] = [];
  const router = Router();
  router.get('/list', reads.guard, async (request, response) => {
    const query = new Query(request);
    const limit = query.integer('limit', { min: 1, max: 100_000, fallback: 100 });
    const after = query.cursor(/^\d+$/);
    if (query.respondIfInvalid(response)) return;
    const from = (given: string | undefined) => (given === undefined ? 0 : Number(given) + 1);
    await reads.list(response, {
      name: 'rows',
      filter: undefined,
      after,
      limit,
      rows: async (ask) => {
        await Promise.resolve();
        const count = Math.min(
          ask.limit,
          rows - from(ask.after),
          Math.max(1, Math.ceil(ask.maxBytes / bytes)),
        );
        const found = Array.from({ length: count }, (_, i) => ({ i: from(ask.after) + i, padding }));
        asked.push(found.length);
        const last = found.at(-1);
        return { rows: found.map((row) => JSON.stringify(row)), ...(last && { next: String(last.i) }) };
      },
    });
  });
  rig = await serveHandlers([router]);
  const { http, port } = rig;
  const get = async (query: string) => (await http.get(`/list?${query}`).expect(200)).body as Shown;
  return { http, port, asked, get };
}

/** Sends a request and reads nothing of the response. */
function hold(port: number, path: string): Socket {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  socket.pause();
  socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  return socket;
}

describe('a list', () => {
  it.each([
    { what: 'has nothing', rows: 0, query: 'limit=5', count: 0, next: null },
    { what: 'ends before the limit', rows: 3, query: 'limit=5', count: 3, next: null },
    { what: 'ends at the limit', rows: 5, query: 'limit=5', count: 5, next: null },
    { what: 'continues', rows: 6, query: 'limit=5', count: 5, next: '4' },
    { what: 'is taken up again', rows: 6, query: 'limit=5&after=4', count: 1, next: null },
    { what: 'is long', rows: 2_000, query: 'limit=1999', count: 1_999, next: '1998' },
  ])('reports that it $what', async ({ rows, query, count, next }) => {
    const { get } = await serveList(testReads(), rows, 10);
    const answer = await get(query);
    expect([answer.rows.length, answer.next_after]).toEqual([count, next]);
  });

  it('is cut by size in bytes, and reports where it continues', async () => {
    const { get } = await serveList(testReads(), 300, 100_000);
    const first = await get('limit=100000');
    expect(first.rows.length).toBeLessThan(300);
    const second = await get(`limit=100000&after=${first.next_after ?? ''}`);
    expect([...first.rows, ...second.rows].map(({ i }) => i)).toEqual(
      Array.from({ length: 300 }, (_, i) => i),
    );
    expect(second.next_after).toBeNull();
  });

  it('returns every row once, whatever the limits', async () => {
    const { get } = await serveList(testReads(), 700, 2_000);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 90, max: 800 }), async (limit) => {
        const seen: number[] = [];
        let after: string | null = null;
        do {
          const page: Shown = await get(`limit=${limit}${after === null ? '' : `&after=${after}`}`);
          seen.push(...page.rows.map(({ i }) => i));
          after = page.next_after;
        } while (after !== null);
        expect(seen).toEqual(Array.from({ length: 700 }, (_, i) => i));
      }),
      { numRuns: 10 },
    );
  });

  it.each(['x=1', 'limit=5&lmit=6', 'after=no'])('refuses %s', async (query) => {
    const { http } = await serveList(testReads(), 1, 1);
    const answer = await http.get(`/list?${query}`).expect(400);
    expect(answer.body).toMatchObject({ title: 'Invalid query parameter' });
  });
});

describe('clients that read nothing', () => {
  it('hold only their places, and their address is answered with Retry-After', async () => {
    const limiter = new ConcurrencyLimiter(() => ({ max: 8, maxPerAddress: 3, reserved: 0 }));
    const { http, port, asked } = await serveList(testReads({ limiter }), 100_000, 10_000);
    for (let i = 0; i < 10; i++) hold(port, '/list?limit=100000');
    await until(() => limiter.inUse === 3);
    await http.get('/list').expect(429).expect('retry-after', '1');
    // as much as the kernel buffers of three responses, and not 1 GB each
    expect(asked.reduce((sum, rows) => sum + rows, 0)).toBeLessThan(30_000);
    for (const socket of sockets) socket.destroy();
    await until(() => limiter.inUse === 0);
    await http.get('/list?limit=1').expect(200);
  });

  it('are cut off when they hold too much together', async () => {
    const sendBuffers = new SendBuffers(() => 300_000);
    const cut: unknown[] = [];
    const connections = {
      resetStalled: (socket: Socket) => (cut.push(socket), void socket.resetAndDestroy()),
    };
    const { port } = await serveList(testReads({ sendBuffers, connections }), 100_000, 10_000);
    // each from another offset, since equal slices are shared
    for (let i = 0; i < 10; i++) hold(port, `/list?limit=100000&after=${i}`);
    await until(() => cut.length >= 5);
    expect(sendBuffers.bytes).toBeLessThanOrEqual(300_000);
  });
});

describe('work that many clients ask for', () => {
  it('is done once for those who wait for it, and again for a request that comes after it began', async () => {
    const work = new SharedWork(1);
    let begun = 0;
    let finish: () => void = () => undefined;
    const job = () => {
      begun += 1;
      const mine = begun;
      return new Promise<number>((resolve) => (finish = () => resolve(mine)));
    };
    const first = [work.run('a', job), work.run('a', job)];
    await until(() => begun === 1);
    const later = [work.run('a', job), work.run('a', job)];
    finish();
    expect(await Promise.all(first)).toEqual([1, 1]);
    await until(() => begun === 2);
    finish();
    expect(await Promise.all(later)).toEqual([2, 2]);
  });

  it('continues after a failure', async () => {
    const work = new SharedWork(1);
    const fails = work.run('a', () => Promise.reject(new Error('no')));
    const next = work.run('b', () => 7);
    await expect(fails).rejects.toThrow('no');
    expect(await next).toBe(7);
  });
});
