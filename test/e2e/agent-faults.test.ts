import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CertificateMint } from '../support/probes/certificates.ts';
import { parseText } from '../support/exposition/exposition-parser.ts';
import { startRedis } from '../support/processes/redis.ts';
import { startHttp, startHttps } from '../support/servers/http.ts';
import { addressRecord, reply, startNameServer } from '../support/servers/name-server.ts';
import { closedPort, startTcp } from '../support/servers/tcp.ts';
import { startTocsin, temporaryFolder, type RunningTocsin } from '../support/processes/tocsin.ts';
import { until } from '../support/until.ts';

let folder: ReturnType<typeof temporaryFolder>;
let closing: (() => unknown)[];
beforeEach(() => {
  folder = temporaryFolder();
  closing = [() => folder[Symbol.asyncDispose]()];
});
afterEach(async () => {
  for (const close of closing.reverse()) await close();
});

function closeLater<T extends { close(): unknown }>(server: T): T {
  closing.push(() => server.close());
  return server;
}

/**
 * What is probed: one healthy target of each kind that needs only this machine. Some answer after two seconds, so that
 * at any time some runs are waiting for an answer; the timeout is far longer than a busy machine needs besides.
 */
async function targets(): Promise<string[]> {
  const mint = new CertificateMint();
  closing.push(() => mint.remove());
  const certificate = mint.leaf();
  const slow = closeLater(
    await startHttp((_request, response) => void setTimeout(() => response.end('fine'), 2_000)),
  );
  const secure = closeLater(await startHttps(certificate, (_request, response) => response.end('fine')));
  const tcp = closeLater(await startTcp());
  const impatient = closeLater(await startHttp((_request, response) => void response.end('fine')));
  const names = closeLater(
    await startNameServer((query) => [reply(query, { answers: [addressRecord('192.0.2.1')] })]),
  );
  const redis = closeLater(await startRedis());
  return [
    // on different phases
    ...Array.from({ length: 10 }, (_, i) => `{ name: http${i}, target: '${slow.url}', http: {} }`),
    `{ name: by_name, target: 'http://localhost:${impatient.port}', http: { preferred_ip_protocol: ip4 } }`,
    `{ name: https, target: '${secure.url}', http: { preferred_ip_protocol: ip4, tls_config: { insecure_skip_verify: true } } }`,
    `{ name: tcp, target: '${tcp.address}', tcp: {} }`,
    `{ name: dns, target: '127.0.0.1:${names.port}', dns: { query_name: www.example } }`,
    `{ name: icmp, target: 127.0.0.1, icmp: {} }`,
    `{ name: redis, target: 'redis://127.0.0.1:${redis.port}', redis: {} }`,
    `{ name: refused, target: '127.0.0.1:${await closedPort()}', tcp: {} }`,
  ];
}

const config = (services: readonly string[]) => `
server: { node: t, max_connections_per_address: 1024 }
store: { path: ledger.db }
metrics: { rate_limit: { per_second: 1000, burst: 1000 } }
scheduler: { interval: 5s, timeout: 5s, adaptive: false, max_per_host: 100 }
confirm: { failures: 1 }
services:
${services.map((service) => `  - ${service}\n`).join('')}`;

/** The results of the runs of each service so far: `{ http: { success: 3, agent_limit: 1 } }`. */
async function results(tocsin: RunningTocsin): Promise<Record<string, Record<string, number>>> {
  const text = await (await fetch(`${tocsin.url}/metrics`, { headers: { connection: 'close' } })).text();
  const found: Record<string, Record<string, number>> = {};
  for (const { name, labels, value } of [...parseText(text).values()].flatMap((family) => family.samples)) {
    const ending =
      name === 'tocsin_probe_runs_total' && labels['result'] === 'success' ? 'success' : labels['reason'];
    if (!/^tocsin_probe_(runs|failures|unknown)_total$/.test(name) || ending === undefined) continue;
    (found[labels['service'] ?? ''] ??= {})[ending] = value;
  }
  return found;
}

const sum = (endings: Record<string, number>) =>
  Object.values(endings).reduce((all, count) => all + count, 0);

const failures = ({ success: _success, ...endings }: Record<string, number>) =>
  Object.keys(endings).filter((ending) => !ending.startsWith('agent_'));

describe('a fault of the agent', () => {
  it('is not a failure where the event loop is blocked for longer than the timeout, and a refused connection still is', async () => {
    await using tocsin = await startTocsin({
      folder: folder.path,
      config: config(await targets()),
      env: { NODE_OPTIONS: `--import ${new URL('../support/processes/blocking.mjs', import.meta.url).href}` },
    });
    const allRan = async (times: number) => {
      const all = Object.values(await results(tocsin));
      return all.length === 17 && all.every((endings) => sum(endings) >= times);
    };
    await until(() => allRan(1));
    const overloads = async () =>
      Object.values(await results(tocsin)).reduce(
        (all, endings) => all + (endings['agent_overload'] ?? 0),
        0,
      );
    for (let block = 0; block < 2; block++) {
      const before = await overloads();
      await until(
        async () => {
          tocsin.signal('SIGUSR2');
          // the next request is answered after the block
          await pause(500);
          return (await overloads()) > before;
        },
        { what: 'a block while a run waits for its answer' },
      );
    }
    // and all is well again
    const after = await until(async () => ((await allRan(3)) ? results(tocsin) : undefined));
    const { refused = {}, ...healthy } = after;
    for (const [service, endings] of Object.entries(healthy)) {
      expect([service, failures(endings)]).toEqual([service, []]);
      expect(endings['success']).toBeGreaterThan(0);
    }
    expect(refused['connect_refused']).toBeGreaterThan(0);
  });

  it('is not a failure where no file descriptors are left', async () => {
    await using tocsin = await startTocsin({ folder: folder.path, config: config(await targets()) });
    await until(async () => {
      const all = Object.values(await results(tocsin));
      return all.length === 17 && all.every((endings) => sum(endings) > 0);
    });
    // as many as are open now, and a few that the connections below will use
    const limit = readdirSync(`/proc/${tocsin.pid}/fd`).length + 5;
    execFileSync('prlimit', ['--pid', String(tocsin.pid), `--nofile=${limit}:${limit}`]);
    const after = await until(
      async () => {
        const held = hold(Number(new URL(tocsin.url).port), 60);
        // each service is due twice meanwhile
        await pause(10_000);
        held.stop();
        const all = await until(() => results(tocsin));
        return Object.values(all).every(lackedDescriptors) ? all : undefined;
      },
      { what: 'a run of each service without a descriptor' },
    );
    for (const [service, endings] of Object.entries(after)) {
      const expected = service === 'refused' ? ['connect_refused'] : [];
      expect([service, failures(endings)]).toEqual([service, expected]);
    }
    await until(
      async () => ((await results(tocsin))['http0']?.['success'] ?? 0) > (after['http0']?.['success'] ?? 0),
    );
    expect(tocsin.log.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

const lackedDescriptors = (endings: Record<string, number>) =>
  (endings['agent_limit'] ?? 0) + (endings['agent_resolver'] ?? 0) > 0;

/** Keeps this many connections to a port open, and opens another for each that is refused. */
function hold(port: number, count: number): { stop: () => void } {
  const sockets = new Set<Socket>();
  let stopped = false;
  const open = () => {
    if (stopped) return;
    const socket = connect(port, '127.0.0.1');
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      sockets.delete(socket);
      setTimeout(open, 50);
    });
  };
  for (let i = 0; i < count; i++) open();
  return {
    stop: () => {
      stopped = true;
      for (const socket of sockets) socket.destroy();
    },
  };
}
