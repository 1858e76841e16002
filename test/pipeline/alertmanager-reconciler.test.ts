import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { HttpClient } from '../../src/pipeline/http-client.ts';
import { AlertmanagerReconciler } from '../../src/pipeline/alertmanager-reconciler.ts';
import type { AlertmanagerConfig } from '../../src/config/types.ts';
import { Secret } from '../../src/domain/secret.ts';
import type { AlertmanagerSnapshot, ReconcileResult } from '../../src/ledger/alertmanager-snapshot.ts';
import { createSelfMetrics } from '../../src/metrics/self/self-metrics.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { until } from '../support/until.ts';

const stops: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

const CONFIG = `route: { receiver: tocsin }
receivers: [{ name: tocsin, webhook_configs: [{ url: <secret> }] }, { name: mail, email_configs: [{ to: a@b.example }] }]
`;
const DONE: ReconcileResult = {
  outcome: 'reconciled',
  drift: { orphaned: 0, missing: 0 },
  missing: { alertnames: [], receivers: [] },
  repaired: { expired: 0, reopened: 0, confirmed: 0, refuted: 0 },
};

/** An Alertmanager that answers as scripted. */
async function alertmanager() {
  const state = {
    asked: [] as string[],
    status: 200,
    config: CONFIG,
    date: '',
    uptime: '',
    refuses: '',
  };
  const answerOf = (path: string) =>
    path.endsWith('/status') ? { uptime: state.uptime, config: { original: state.config } } : [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    state.asked.push(`${path} ${request.headers.authorization ?? ''}`.trim());
    if (state.date !== '') response.setHeader('date', state.date);
    response.statusCode = state.refuses !== '' && path.endsWith(state.refuses) ? 403 : state.status;
    response.end(JSON.stringify(answerOf(path)));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  stops.push(() => void server.close());
  return { state, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function rig(result: () => ReconcileResult = () => DONE) {
  const clock = new ManualClock();
  const { logger, lines } = recordingLogger();
  const handed: AlertmanagerSnapshot[] = [];
  const client = new HttpClient();
  const ledger = {
    reconcile: (listings: AlertmanagerSnapshot) => {
      handed.push(listings);
      return Promise.resolve(result());
    },
  };
  const selfMetrics = createSelfMetrics({ version: '0', node: '0' });
  const reconciler = new AlertmanagerReconciler({ clock, logger, client, selfMetrics, ledger });
  stops.push(() => client.close());
  stops.push(() => reconciler.stop());
  const round = async (times: number) => {
    await settle();
    await clock.advance(60_000);
    await until(() => handed.length === times);
    return handed.at(-1);
  };
  const start = async (...configs: readonly AlertmanagerConfig[]) => {
    reconciler.configure(configs);
    await clock.advance(0);
    await until(() => handed.length === 1);
    return handed[0];
  };
  return { clock, lines, handed, reconciling: reconciler, start, round };
}

describe('the Alertmanager reconciler', () => {
  it('passes the lists on each minute, reports which are missing, and warns once of each that does not answer', async () => {
    const { state, url } = await alertmanager();
    const { clock, lines, handed, start, round } = rig();
    state.uptime = new Date(clock.now()).toISOString();
    const authorization = new Secret('Bearer t');
    const first = await start(
      { name: 'am-0', url: `${url}/prefix/`, webhook: 'main', authorization },
      { name: 'am-1', url: 'http://127.0.0.1:1', webhook: 'main' },
    );
    expect(state.asked).toEqual(['/prefix/api/v2/alerts Bearer t', '/prefix/api/v2/status Bearer t']);
    expect(first).toMatchObject({ webhook: 'main', complete: false, responses: [{ name: 'am-0' }] });
    await round(2);
    expect(lines.map(({ level, alertmanager }) => [level, alertmanager])).toEqual([['warn', 'am-1']]);
    state.status = 401;
    await settle();
    await clock.advance(60_000);
    await until(() => lines.length === 2);
    expect(lines[1]).toMatchObject({ alertmanager: 'am-0', problem: '/api/v2/alerts answered with 401' });
    expect(handed).toHaveLength(2);
  });

  it('passes on when each Alertmanager started, by our clock and not its own', async () => {
    const { state, url } = await alertmanager();
    const { clock, start } = rig();
    const hour = 3_600_000;
    state.date = new Date(clock.now() + hour).toUTCString();
    state.uptime = new Date(clock.now() + hour - 60_000).toISOString();
    const first = await start({ name: 'am', url, webhook: 'main' });
    const age = clock.now() - (first?.responses[0]?.startedAt ?? 0);
    // a Date header has a resolution of one second
    expect(age).toBeGreaterThan(58_000);
    expect(age).toBeLessThanOrEqual(60_000);
  });

  const timed = CONFIG.replace('tocsin }', 'tocsin, mute_time_intervals: [night] }');
  it.each([
    [
      'those in its configuration',
      { config: CONFIG, receivers: undefined },
      { certain: [], possible: ['tocsin'] },
    ],
    [
      'those of alertmanagers[].receivers',
      { config: CONFIG, receivers: ['other'] },
      { certain: ['other'], possible: [] },
    ],
    [
      'with their groups, where routes have time intervals',
      { config: timed, receivers: undefined },
      { certain: [], possible: ['tocsin'] },
    ],
  ])('reports which receivers are ours: %s', async (_what, { config, receivers }, expected) => {
    const groups = config === timed;
    const { state, url } = await alertmanager();
    const { clock, start } = rig();
    Object.assign(state, { config, uptime: new Date(clock.now()).toISOString() });
    const first = await start({ name: 'am', url, webhook: 'main', ...(receivers && { receivers }) });
    expect(first?.responses[0]?.receivers).toEqual(expected);
    expect(first?.responses[0]?.groups !== undefined).toBe(groups);
    expect(state.asked.includes('/api/v2/alerts/groups')).toBe(groups);
  });

  it.each([
    ['does not show its status', { refuses: '/status' }, '/api/v2/status answered with 403'],
    ['shows an invalid configuration', { config: 'a: [' }, 'is not an Alertmanager configuration'],
    ['shows a configuration of another program', { config: 'a: 1' }, 'is not an Alertmanager configuration'],
    ['does not report its uptime', { uptime: 'long' }, '"uptime" of /api/v2/status is not a time'],
  ])(
    'uses the list of an Alertmanager that %s, but draws no conclusion from absence',
    async (_what, change, why) => {
      const { state, url } = await alertmanager();
      const { clock, lines, start } = rig();
      Object.assign(state, { uptime: new Date(clock.now()).toISOString() }, change);
      const first = await start({ name: 'am', url, webhook: 'main' });
      expect(first).toMatchObject({ complete: true, responses: [{ startedAt: undefined }] });
      expect(first?.responses[0]?.receivers).toEqual({ certain: [], possible: [] });
      expect(lines).toMatchObject([{ level: 'warn', problem: expect.stringContaining(why) }]);
    },
  );

  it('logs each minute which alerts were never delivered', async () => {
    const { state, url } = await alertmanager();
    const missing = { alertnames: ['Down'], receivers: ['tocsin'] };
    const { clock, lines, start, round } = rig(() => ({
      ...DONE,
      drift: { orphaned: 0, missing: 3 },
      missing,
    }));
    state.uptime = new Date(clock.now()).toISOString();
    await start({ name: 'am', url, webhook: 'main' });
    await round(2);
    await until(() => lines.length === 2);
    expect(lines).toMatchObject(
      [1, 2].map(() => ({ level: 'warn', webhook: 'main', missing: 3, ...missing })),
    );
  });
});
