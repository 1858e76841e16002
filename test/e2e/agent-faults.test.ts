import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CertificateMint } from '../support/certificates.ts';
import { parseText } from '../support/exposition-parser.ts';
import { startRedis } from '../support/redis.ts';
import { startHttp, startHttps } from '../support/servers/http.ts';
import { addressRecord, reply, startNameServer } from '../support/servers/name-server.ts';
import { closedPort, startTcp } from '../support/servers/tcp.ts';
import { startTocsin, temporaryFolder, type RunningTocsin } from '../support/tocsin.ts';
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

/** What is probed: one healthy target of each kind that needs only this machine. */
async function targets(): Promise<string[]> {
  const mint = new CertificateMint();
  closing.push(() => mint.remove());
  const certificate = mint.leaf();
  const slow = closeLater(
    await startHttp((_request, response) => void setTimeout(() => response.end('fine'), 500)),
  );
  const secure = closeLater(await startHttps(certificate, (_request, response) => response.end('fine')));
  const tcp = closeLater(await startTcp());
  const impatient = closeLater(await startHttp((_request, response) => void response.end('fine')));
  const names = closeLater(
    await startNameServer((query) => [reply(query, { answers: [addressRecord('192.0.2.1')] })]),
  );
  const redis = closeLater(await startRedis());
  return [
    // ten of them, on different phases: at any time some are waiting for an answer
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

const config = (services: readonly string[], timing = 'interval: 1s, timeout: 800ms') => `
server: { node: t, max_connections_per_address: 1024 }
store: { path: ledger.db }
metrics: { rate_limit: { per_second: 1000, burst: 1000 } }
scheduler: { ${timing}, adaptive: false, max_per_host: 100 }
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

const failures = ({ success: _success, ...endings }: Record<string, number>) =>
  Object.keys(endings).filter((ending) => !ending.startsWith('agent_'));

describe('a fault of the agent', () => {
  it('is not a failure where the event loop is blocked for two seconds, and a refused connection still is', async () => {
    await using tocsin = await startTocsin({
      folder: folder.path,
      config: config(await targets()),
      env: { NODE_OPTIONS: `--import ${new URL('../support/blocking.mjs', import.meta.url).href}` },
    });
    await until(async () => Object.values(await results(tocsin)).length === 17);
    for (let i = 0; i < 4; i++) {
      tocsin.signal('SIGUSR2');
      // each block starts at another moment of the runs
      await pause(3_100 + i * 170);
    }
    const { refused = {}, ...healthy } = await results(tocsin);
    for (const [service, endings] of Object.entries(healthy)) {
      expect([service, failures(endings)]).toEqual([service, []]);
      expect(endings['success']).toBeGreaterThan(2);
    }
    expect(Object.values(healthy).some((endings) => (endings['agent_overload'] ?? 0) > 0)).toBe(true);
    expect(refused['connect_refused']).toBeGreaterThan(2);
  });

  it('is not a failure where no file descriptors are left', async () => {
    await using tocsin = await startTocsin({
      folder: folder.path,
      config: config(await targets(), 'interval: 3s, timeout: 3s'),
    });
    await until(async () =>
      Object.values(await results(tocsin)).every((endings) => (Object.values(endings)[0] ?? 0) > 0),
    );
    // as many as are open now, and a few that the connections below will use
    const limit = readdirSync(`/proc/${tocsin.pid}/fd`).length + 5;
    execFileSync('prlimit', ['--pid', String(tocsin.pid), `--nofile=${limit}:${limit}`]);
    const held = hold(Number(new URL(tocsin.url).port), 60);
    await pause(9_000);
    held.stop();
    const after = await until(() => results(tocsin));
    for (const [service, endings] of Object.entries(after)) {
      const expected = service === 'refused' ? ['connect_refused'] : [];
      expect([service, failures(endings)]).toEqual([service, expected]);
      expect([service, (endings['agent_limit'] ?? 0) + (endings['agent_resolver'] ?? 0) > 0]).toEqual([
        service,
        true,
      ]);
    }
    await until(
      async () => ((await results(tocsin))['http0']?.['success'] ?? 0) > (after['http0']?.['success'] ?? 0),
    );
    expect(tocsin.log.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

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
