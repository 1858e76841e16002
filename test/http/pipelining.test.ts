import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { RequestHandler } from 'express';
import { serveHandlers } from '../support/http/http-rig.ts';
import { until } from '../support/until.ts';

let sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
});

/** Sends requests for these paths at once; returns what was received so far. */
function pipeline(port: number, paths: readonly string[]): { socket: Socket; received: () => string } {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  let received = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
  socket.on('error', () => undefined);
  socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
  return { socket, received: () => received };
}

/** Every request that Node's parser finds, including those that no handler sees. */
function subscriptionTo(seen: (request: IncomingMessage) => void): { end: () => void } {
  const received = (message: unknown) => seen((message as { request: IncomingMessage }).request);
  subscribe('http.server.request.start', received);
  return { end: () => unsubscribe('http.server.request.start', received) };
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => `/${i}`);

/** Answers each request with its path, a little later; counts the requests in progress. */
function echo() {
  const seen = { begun: 0, atOnce: 0, most: 0 };
  const handler: RequestHandler = (request, response) => {
    seen.begun += 1;
    seen.atOnce += 1;
    seen.most = Math.max(seen.most, seen.atOnce);
    response.once('close', () => (seen.atOnce -= 1));
    if (request.path !== '/never') setImmediate(() => response.send(`<${request.path}>`));
  };
  return { seen, handler };
}

describe('requests that a client sends without waiting for responses', () => {
  it('are handled one at a time, and answered in order', async () => {
    const { seen, handler } = echo();
    await using rig = await serveHandlers([handler]);
    const { received } = pipeline(rig.port, numbers(30));
    await until(() => received().includes('</29>'));
    expect([...received().matchAll(/<(\/\d+)>/g)].map(([, path]) => path)).toEqual(numbers(30));
    expect([seen.begun, seen.most]).toEqual([30, 1]);
  });

  it('are handled one in a turn of the event loop, of all connections, so that others do not wait for them', async () => {
    let [turn, lasts] = [0, true];
    const perTurn = new Map<number, number>();
    const count = () => {
      turn += 1;
      if (lasts) setImmediate(count);
    };
    const handler: RequestHandler = (request, response) => {
      if (request.path !== '/0') perTurn.set(turn, (perTurn.get(turn) ?? 0) + 1);
      response.send(`<${request.path}>`);
    };
    await using rig = await serveHandlers([handler]);
    count();
    const clients = Array.from({ length: 12 }, () => pipeline(rig.port, numbers(20)));
    await until(() => clients.every(({ received }) => received().includes('</19>')));
    lasts = false;
    const counts = [...perTurn.values()];
    expect(counts.reduce((sum, each) => sum + each, 0)).toBe(12 * 19);
    // two where the count comes before the first of them and after the second
    expect(Math.max(...counts)).toBeLessThanOrEqual(2);
  });

  it.each([300, 3_000])('take one place even if there are %i, and lose their connection', async (count) => {
    const { seen, handler } = echo();
    await using rig = await serveHandlers([handler]);
    const { socket } = pipeline(
      rig.port,
      Array.from({ length: count }, () => '/never'),
    );
    await until(() => socket.closed);
    expect(seen).toEqual({ begun: 1, atOnce: 0, most: 1 });
    // others are served
    expect(await (await fetch(`${rig.url}/well`)).text()).toBe('</well>');
  });

  it('are dropped without an error for each when their connection is closed', async () => {
    const { handler } = echo();
    const dropped: IncomingMessage[] = [];
    await using rig = await serveHandlers([handler]);
    const watch = subscriptionTo((request) => dropped.push(request));
    const { socket } = pipeline(rig.port, ['/never', ...numbers(99)]);
    await until(() => socket.closed && dropped.length === 100 && dropped.every(({ destroyed }) => destroyed));
    watch.end();
    // the one that was being answered may have a listener for this
    expect(dropped.filter(({ errored }) => errored !== null).length).toBeLessThanOrEqual(1);
  });

  it('are dropped when their client disconnects or the response before them is the last', async () => {
    const { seen, handler } = echo();
    const closing: RequestHandler = (request, response, next) => {
      if (request.path === '/last') response.set('Connection', 'close');
      next();
    };
    await using rig = await serveHandlers([closing, handler]);
    const { socket } = pipeline(rig.port, ['/never', '/1', '/2']);
    await until(() => seen.begun === 1);
    socket.destroy();
    await until(() => seen.atOnce === 0);
    const last = pipeline(rig.port, ['/0', '/last', '/1', '/2']);
    await until(() => last.socket.closed);
    expect(last.received()).toMatch(/<\/0>[^]*<\/last>$/);
    expect([seen.begun, seen.atOnce]).toEqual([3, 0]);
  });

  it('are never two in progress, however they are split into packets', async () => {
    const { seen, handler } = echo();
    await using rig = await serveHandlers([handler]);
    const pieces = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(pieces, async (counts) => {
        const { socket, received } = pipeline(rig.port, ['/first']);
        const answers = () => received().split('</').length - 1;
        let sent = 1;
        for (const count of counts) {
          await until(() => sent - answers() + count <= 32);
          socket.write('GET /more HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(count));
          sent += count;
        }
        await until(() => answers() === sent);
        socket.destroy();
        expect(seen.most).toBe(1);
      }),
      { numRuns: 20 },
    );
  });
});
