import { describe, expect, it } from '@jest/globals';
import { failure, SUCCESS, unknown, type Result, type Verdict } from '../../../src/domain/result.ts';
import { checkKey, type Service } from '../../../src/domain/service.ts';
import type { CloudEvent } from '../../../src/domain/event.ts';
import { cloudEvent } from '../../../src/ledger/cloud-event.ts';
import { HealthBoard } from '../../../src/checks/health/board.ts';
import { checkChangeEvent } from '../../../src/checks/health/change-event.ts';
import { PastCluster } from '../../../src/checks/health/history.ts';
import { ServiceApiViews } from '../../../src/checks/health/service-api-views.ts';
import { snapshotText } from '../../../src/checks/health/cluster-snapshot.ts';
import { alertMessages, checkView, serviceDetails } from '../../../src/checks/health/service-views.ts';

const T0 = Date.parse('2026-01-01T00:00:00Z');

function service(name: string, more: Partial<Service> = {}): Service {
  return {
    name,
    critical: false,
    priority: 1,
    intervalMs: 30_000,
    timeoutMs: 10_000,
    labels: {},
    prober: 'http',
    targets: [{ address: `http://${name}/`, label: `http://${name}/`, host: name }],
    confirm: { failures: 1, successes: 1, retryIntervalMs: 2_000 },
    adaptive: {},
    ...more,
  };
}

const run = (verdict: Verdict, at: number, more: Partial<Result> = {}): Result => ({
  verdict,
  startedAt: at,
  durationSeconds: 0.25,
  details: {},
  ...more,
});

const TIMEOUT = failure('timeout', 'Request timed out');
const context = { now: T0 + 60_000, uptimeSeconds: 60, host: { cpu_percent: 12.5 } };

function boardOf(...services: Service[]): HealthBoard {
  const board = new HealthBoard();
  board.configure(services, T0);
  return board;
}

const key = (name: string) => checkKey(name, `http://${name}/`);

describe('the snapshot of the cluster', () => {
  it('has the documented shape', () => {
    const board = boardOf(service('tools', { description: 'Tools Server', critical: true }), service('docs'));
    board.record(key('tools'), run(TIMEOUT, T0 + 1_000));
    board.record(key('docs'), run(SUCCESS, T0 + 2_000, { details: { statusCode: 200, data: { ok: true } } }));
    const snapshot = snapshotOf(board);
    expect(snapshot).toMatchObject({
      timestamp: '2026-01-01T00:01:00.000Z',
      overall_status: 'unhealthy',
      score: 2.5,
      services: {
        tools: {
          name: 'Tools Server',
          critical: true,
          health: { status: 'timeout', response_time: 0.25, error: 'Request timed out', reason: 'timeout' },
        },
        docs: { name: 'docs', health: { status: 'healthy', status_code: 200, data: { ok: true } } },
      },
      cluster_stats: { local_node: { cpu_percent: 12.5 }, total_services: 2, monitoring_uptime: 60 },
      alerts: ['CRITICAL: Tools Server is timeout - Request timed out'],
    });
  });

  it.each([
    [TIMEOUT, 'timeout'],
    [failure('connect_timeout', 'x'), 'timeout'],
    [failure('dns', 'x'), 'error'],
    [failure('connect_refused', 'x'), 'error'],
    [failure('tls_expired', 'x'), 'error'],
    [failure('status', 'x'), 'unhealthy'],
    [failure('threshold', 'x'), 'unhealthy'],
    [unknown('agent_error', 'x'), 'unknown'],
    [SUCCESS, 'healthy'],
  ])('maps %j to %s', (verdict, status) => {
    const board = boardOf(service('a'));
    board.record(key('a'), run(verdict, T0));
    expect(serviceDetails(board.entries())[0]?.health.status).toBe(status);
  });

  it('is in the state of its worst target', () => {
    const targets = ['one', 'two'].map((label) => ({ address: label, label, host: label }));
    const board = boardOf(service('pair', { targets }));
    board.record(checkKey('pair', 'one'), run(SUCCESS, T0));
    board.record(checkKey('pair', 'two'), run(failure('status', 'HTTP status 503'), T0));
    const [detail] = serviceDetails(board.entries());
    expect(detail).toMatchObject({ state: 'unhealthy', health: { error: 'HTTP status 503' } });
    expect(detail?.targets.map(({ state }) => state)).toEqual(['healthy', 'unhealthy']);
  });

  it('adds the details that a prober reports on success', () => {
    const board = boardOf(service('cache'));
    board.record(key('cache'), run(SUCCESS, T0, { details: { extra: { connected_clients: 3 } } }));
    expect(serviceDetails(board.entries())[0]?.health).toMatchObject({
      status: 'healthy',
      connected_clients: 3,
    });
  });
});

describe('the explanations', () => {
  it('leave out checks that are healthy or have not run yet', () => {
    const board = boardOf(service('a'), service('b'));
    board.record(key('a'), run(SUCCESS, T0));
    expect(alertMessages(board.entries().map(checkView))).toEqual([]);
  });

  it('report a slow success, a recovery, and a check without recent results', () => {
    const board = boardOf(
      service('slow', { degradedAfterMs: 100 }),
      service('back', { confirm: { failures: 1, successes: 2, retryIntervalMs: 1 } }),
      service('gone'),
    );
    for (const name of ['slow', 'back', 'gone']) board.record(key(name), run(SUCCESS, T0));
    board.record(key('slow'), run(SUCCESS, T0 + 200_000));
    board.record(key('back'), run(SUCCESS, T0 + 200_000, { durationSeconds: 0.01 }));
    board.record(key('back'), run(TIMEOUT, T0 + 201_000));
    board.record(key('back'), run(SUCCESS, T0 + 202_000));
    expect(board.expire(T0 + 210_000).map(({ after }) => after.service.name)).toEqual(['gone']);
    expect(alertMessages(board.entries().map(checkView))).toEqual([
      'WARNING: slow is degraded - Took 0.250 s, more than 0.1 s',
      'WARNING: back is degraded - Recovering, not confirmed yet',
      'WARNING: gone is unknown - No result since 2026-01-01T00:00:00.000Z',
    ]);
  });
});

describe('the board', () => {
  it('keeps the state of checks that remain across a reload, and forgets removed ones', () => {
    const board = boardOf(service('a'), service('b'));
    board.record(key('a'), run(TIMEOUT, T0));
    board.configure([service('a', { critical: true }), service('c')], T0 + 5_000);
    expect(board.entry(key('a'))).toMatchObject({
      service: { critical: true },
      health: { state: 'unhealthy', since: T0 },
    });
    expect(board.entry(key('b'))).toBeUndefined();
    expect(board.entry(key('c'))?.health).toMatchObject({ state: 'unknown', since: T0 + 5_000 });
    expect(board.record(key('b'), run(SUCCESS, T0))).toBeUndefined();
  });
});

describe('a run', () => {
  it('is identified in the event of its change and in the response, where it has an id', () => {
    const board = boardOf(service('a'));
    const change = board.record(key('a'), run(TIMEOUT, T0, { runId: 'f00d' }));
    if (change === undefined) throw new Error('the check is there');
    expect(checkChangeEvent(change).data).toMatchObject({
      run_id: 'f00d',
      health: { health: { run_id: 'f00d' } },
    });
    const unnamed = board.record(key('a'), run(SUCCESS, T0 + 1_000));
    expect(unnamed && checkChangeEvent(unnamed).data).not.toHaveProperty('run_id');
  });
});

describe('the history', () => {
  it('shows the cluster state after each change, newest first', () => {
    const board = boardOf(service('a', { critical: true }), service('b'));
    const events: CloudEvent[] = [];
    const seen: unknown[] = [];
    const record = (name: string, result: Result) => {
      const change = board.record(key(name), result);
      if (change === undefined || change.before.health.state === change.after.health.state) return;
      const { type, time, data } = checkChangeEvent(change);
      events.unshift(stored(type, time, data));
      seen.unshift(summary(snapshotOf(board)));
    };
    record('a', run(SUCCESS, T0 + 1_000));
    record('b', run(SUCCESS, T0 + 2_000));
    record('a', run(TIMEOUT, T0 + 3_000));
    record('a', run(TIMEOUT, T0 + 4_000));
    record('b', run(failure('status', 'HTTP status 500'), T0 + 5_000));
    record('a', run(SUCCESS, T0 + 6_000));
    const history = historyOf(board, events, 'all');
    expect(history).toHaveLength(5);
    expect(history.map(summary)).toEqual(seen);
    expect(history[0]).toMatchObject({
      timestamp: '2026-01-01T00:00:06.000Z',
      cluster_stats: { monitoring_uptime: 6 },
    });
    const changes = historyOf(board, events, 'changed');
    expect(changes.map(({ services }) => Object.keys(services))).toEqual([['a'], ['b'], ['a'], ['b'], ['a']]);
    for (const [i, change] of changes.entries()) {
      const whole = history[i];
      if (whole === undefined) throw new Error('one for each change');
      const { services, alerts, ...rest } = change;
      expect(whole).toMatchObject({ ...rest, services });
      expect(whole.alerts).toEqual(expect.arrayContaining([...alerts]));
    }
  });

  it('skips records that it does not understand', () => {
    const events = [null, { service: 1 }].map((data) => stored('tocsin.check.healthy', T0, data));
    expect(historyOf(new HealthBoard(), events, 'all')).toEqual([]);
  });
});

/** An event as the ledger returns it. */
function stored(type: string, time: number, data: unknown): CloudEvent {
  return cloudEvent({ offset: 1, type, subject: null, time, data: JSON.stringify(data) }, 'e', 'test');
}

interface Snapshot {
  readonly overall_status: string;
  readonly score: number;
  readonly services: Readonly<Record<string, { readonly health: { readonly status: string } }>>;
  readonly alerts: readonly string[];
}

function snapshotOf(board: HealthBoard): Snapshot {
  const shown = new ServiceApiViews(board);
  const services = [...shown.all()].map(([name, { view }]) => [name, view] as const);
  const frame = {
    ...context,
    cluster: board.cluster(),
    totalServices: services.length,
    alerts: shown.alertMessages(),
  };
  return JSON.parse([...snapshotText(services, frame)].join('')) as Snapshot;
}

function historyOf(
  board: HealthBoard,
  events: readonly CloudEvent[],
  services: 'all' | 'changed',
): Snapshot[] {
  const past = new PastCluster({ current: new ServiceApiViews(board).all(), startedAt: T0, services });
  return events
    .map((event) => [...past.at(event)].join(''))
    .filter((text) => text !== '')
    .map((text) => JSON.parse(text) as Snapshot);
}

function summary(snapshot: Snapshot): unknown {
  const { overall_status, score, services, alerts } = snapshot;
  return {
    overall_status,
    score,
    alerts,
    states: Object.values(services).map(({ health }) => health.status),
  };
}
