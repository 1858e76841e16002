import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { HttpClient } from '../../src/pipeline/http-client.ts';
import { DeadMansSwitch } from '../../src/pipeline/dead-mans-switch.ts';
import { Watchdogs } from '../../src/pipeline/watchdogs.ts';
import type { NewEvent } from '../../src/domain/event.ts';
import { Secret } from '../../src/domain/secret.ts';
import type { WatchdogSighting } from '../../src/alerts/watchdog.ts';
import { LedgerUnavailableError, type EventPage, type LedgerSummary } from '../../src/ledger/ledger.ts';
import { EMPTY_TOTALS } from '../../src/ledger/alert-totals.ts';
import { createSelfMetrics } from '../../src/metrics/self/self-metrics.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { until } from '../support/until.ts';

const stops: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

function rig(past: EventPage = { events: [] }) {
  const clock = new ManualClock();
  const { logger, lines } = recordingLogger();
  const reported: NewEvent[] = [];
  let sighting: WatchdogSighting = { name: 'prometheus', lastSeenAt: undefined, firing: false };
  const ledger = {
    summary: () => ({ ...EMPTY, watchdogs: [sighting] }),
    events: () => Promise.resolve(past),
  };
  const selfMetrics = createSelfMetrics({ version: '0', node: '0' });
  const watchdogs = new Watchdogs({
    clock,
    logger,
    ledger,
    selfMetrics,
    outbox: { addEvent: (one) => reported.push(one) },
  });
  stops.push(() => watchdogs.stop());
  const see = () => {
    sighting = { name: 'prometheus', lastSeenAt: clock.now(), firing: true };
  };
  const end = () => {
    sighting = { ...sighting, firing: false };
  };
  return { clock, lines, told: reported, watchdogs, see, end };
}

const EMPTY: LedgerSummary = {
  open: [],
  unacknowledged: [],
  unacknowledgedOverflow: 0,
  transitions: {},
  epoch: 'e',
  totals: EMPTY_TOTALS,
  watchdogs: [],
  unreadableRows: {},
  lastOffset: 0,
  fileBytes: 0,
  commits: 0,
  commitSeconds: 0,
  failedCommits: 0,
};
const CONFIG = [{ name: 'prometheus', match: { alertname: 'Watchdog' }, expectEveryMs: 60_000 }];

describe('watchdogs', () => {
  it('are reported when they are lost and when they are received again, once each', async () => {
    const { clock, told: reported, watchdogs, see, lines } = rig();
    watchdogs.configure(CONFIG);
    await settle();
    see();
    await clock.advance(1_000);
    expect([watchdogs.allFresh(), watchdogs.areAlive()]).toEqual([true, { prometheus: true }]);
    await clock.advance(200_000);
    expect([watchdogs.allFresh(), watchdogs.areAlive()]).toEqual([false, { prometheus: false }]);
    see();
    await clock.advance(1_000);
    expect(watchdogs.allFresh()).toBe(true);
    expect(reported.map(({ type, subject }) => [type, subject])).toEqual([
      ['tocsin.watchdog.lost', 'prometheus'],
      ['tocsin.watchdog.restored', 'prometheus'],
    ]);
    expect(reported[0]?.data).toMatchObject({ expect_every: 60, cause: 'silent' });
    expect(lines.map(({ level }) => level)).toEqual(['error', 'info']);
  });

  it('are lost at once when their sender reports them resolved', async () => {
    const { clock, told: reported, watchdogs, see, end } = rig();
    watchdogs.configure(CONFIG);
    await settle();
    see();
    await clock.advance(1_000);
    end();
    await clock.advance(1_000);
    expect(reported[0]?.data).toMatchObject({ cause: 'ended' });
  });

  it('are not reported again if they were lost when Tocsin stopped', async () => {
    const lost = { type: 'tocsin.watchdog.lost' } as never;
    const { clock, told: reported, watchdogs, see } = rig({ events: [lost] });
    watchdogs.configure(CONFIG);
    await settle();
    await clock.advance(300_000);
    expect([watchdogs.areAlive(), reported]).toEqual([{ prometheus: false }, []]);
    see();
    await clock.advance(1_000);
    expect(reported.map(({ type }) => type)).toEqual(['tocsin.watchdog.restored']);
  });

  it('keep their state across a reload that does not change them', async () => {
    const { clock, told: reported, watchdogs, see } = rig();
    watchdogs.configure(CONFIG);
    await settle();
    see();
    await clock.advance(50_000);
    watchdogs.configure(CONFIG.map((config) => ({ ...config })));
    await clock.advance(20_000);
    expect(reported.map(({ type }) => type)).toEqual(['tocsin.watchdog.lost']);
    watchdogs.configure([]);
    await clock.advance(1_000);
    expect([watchdogs.allFresh(), watchdogs.areAlive()]).toEqual([true, {}]);
  });
});

async function server(answer: { status: number; body: string; asked: string[] }) {
  const listening = createServer((request, response) => {
    answer.asked.push(`${request.url ?? ''} ${request.headers.authorization ?? ''}`.trim());
    response.statusCode = answer.status;
    response.end(answer.body);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => listening.once('listening', resolve));
  stops.push(() => void listening.close());
  const client = new HttpClient();
  stops.push(() => client.close());
  return { url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`, client };
}

describe("the dead man's switch", () => {
  async function startDeadMansSwitch(state: { fresh: boolean; writable: boolean; commits: boolean }) {
    const clock = new ManualClock();
    const { logger, lines } = recordingLogger();
    const answer = { status: 200, body: 'OK', asked: [] as string[] };
    const { url, client } = await server(answer);
    const outcomes: string[] = [];
    const self = createSelfMetrics({ version: '0', node: '0' });
    const pipeline = Object.assign(Object.create(self.pipeline) as typeof self.pipeline, {
      countPing: (outcome: string) => void outcomes.push(outcome),
    });
    const ping = new DeadMansSwitch({
      clock,
      logger,
      client,
      selfMetrics: { pipeline },
      allFresh: () => state.fresh,
      ledger: {
        writable: () => state.writable,
        append: () => (state.commits ? Promise.resolve() : Promise.reject(new LedgerUnavailableError('no'))),
      },
    });
    stops.push(() => ping.stop());
    const go = async () => {
      const { length } = outcomes;
      await clock.advance(30_000);
      return until(() => outcomes[length]);
    };
    ping.configure({ pingUrl: new Secret(`${url}/s3cret`), watchdogs: CONFIG });
    return { go, answer, lines, ping };
  }

  it('is called while every watchdog is fresh and the ledger commits, and only then', async () => {
    const state = { fresh: true, writable: true, commits: true };
    const { go, answer } = await startDeadMansSwitch(state);
    expect(await go()).toBe('sent');
    for (const broken of ['fresh', 'writable', 'commits'] as const) {
      state[broken] = false;
      expect([broken, await go()]).toEqual([broken, 'withheld']);
      state[broken] = true;
    }
    expect(await go()).toBe('sent');
    expect(answer.asked).toEqual(['/s3cret', '/s3cret']);
  });

  it('counts each failed call and warns once, without the URL', async () => {
    const { go, answer, lines } = await startDeadMansSwitch({ fresh: true, writable: true, commits: true });
    answer.status = 500;
    expect([await go(), await go()]).toEqual(['failed', 'failed']);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ level: 'warn', problem: 'it answered with 500' });
    answer.status = 204;
    expect(await go()).toBe('sent');
    expect(lines.map(({ level }) => level)).toEqual(['warn', 'info']);
    expect(JSON.stringify(lines)).not.toContain('s3cret');
  });
});
