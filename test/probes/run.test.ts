import { describe, expect, it } from '@jest/globals';
import { systemClock } from '../../src/domain/clock.ts';
import { failure, SUCCESS, unknown, type Verdict } from '../../src/domain/result.ts';
import { RUN_FAMILIES } from '../../src/probes/families.ts';
import type { Resolver } from '../../src/probes/net/resolver.ts';
import type { Outcome, Probe, Run, RunResult } from '../../src/probes/prober.ts';
import { probers } from '../../src/probes/registry.ts';
import { runProbe, type RunOptions } from '../../src/probes/run.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { valueOf } from '../support/probes/probe.ts';

const target = { address: 'x', label: 'x', host: 'x' };
const resolver: Resolver = { lookup: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]) };

function probe(body: (run: Run) => Promise<Outcome>): Probe {
  return { settings: {}, probe: (_target, run) => body(run) };
}

function start(body: (run: Run) => Promise<Outcome>, options: Partial<RunOptions> = {}): Promise<RunResult> {
  return runProbe({ probe: probe(body), target, timeoutMs: 1_000, resolver, clock: systemClock, ...options });
}

/** A well-behaved prober: it ends when its signal aborts. */
const waits = (run: Run): Promise<Outcome> =>
  new Promise((resolve) =>
    run.signal.addEventListener('abort', () => resolve({ verdict: failure('timeout', 'late'), samples: [] })),
  );
/** A prober that ignores its signal. */
const hangs = (): Promise<Outcome> => new Promise(() => undefined);

describe('runProbe', () => {
  it('returns the outcome of the prober, with times', async () => {
    const clock = new ManualClock(5_000);
    const result = await start(
      async (run) => {
        run.log('before');
        await clock.advance(250);
        run.log('after', { n: 1 });
        return { verdict: SUCCESS, samples: [], phases: { connect: 0.2 }, details: { statusCode: 200 } };
      },
      { clock },
    );
    expect(result).toMatchObject({
      verdict: SUCCESS,
      startedAt: 5_000,
      durationSeconds: 0.25,
      details: { statusCode: 200 },
      phases: { connect: 0.2 },
      log: [
        { at: 0, message: 'before', fields: {} },
        { at: 250, message: 'after', fields: { n: 1 } },
      ],
    });
    expect(valueOf(result, 'probe_duration_seconds')).toBe(0.25);
    expect(valueOf(result, 'tocsin_probe_phase_duration_seconds', { phase: 'connect' })).toBe(0.2);
    expect(clock.timers).toBe(0);
  });

  it('gives each run an id', async () => {
    const runs = await Promise.all(
      Array.from({ length: 20 }, () => start(() => Promise.resolve({ verdict: SUCCESS, samples: [] }))),
    );
    const ids = new Set(runs.map(({ runId }) => runId));
    expect(ids.size).toBe(20);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{16}$/);
  });

  it('exposes the first lookup only, and nothing that did not happen', async () => {
    const lookup = { prefer: 4, fallback: true, signal: new AbortController().signal } as const;
    const result = await start(async (run) => {
      await run.resolver.lookup('a', lookup);
      await run.resolver.lookup('b', lookup);
      return { verdict: SUCCESS, samples: [] };
    });
    expect(result.samples.filter(({ family }) => family.name === 'probe_ip_protocol')).toHaveLength(1);
    // what blackbox_exporter 0.28 exposes for 127.0.0.1
    expect(valueOf(result, 'probe_ip_addr_hash')).toBe(3_668_918_509);
    const bare = await start(() => Promise.resolve({ verdict: SUCCESS, samples: [] }));
    expect(bare.samples.map(({ family }) => family.name)).toEqual(['probe_duration_seconds']);
  });

  it('turns a bug into unknown, without its message', async () => {
    for (const bug of [
      () => Promise.reject(new TypeError('token=hunter2')),
      () => {
        throw new TypeError('token=hunter2');
      },
    ]) {
      const result = await start(bug);
      expect(result.verdict).toEqual(unknown('agent_error', 'The prober has a bug: TypeError'));
      expect(JSON.stringify(result)).not.toContain('hunter2');
      expect(result.log[0]?.fields['at']).toEqual(expect.arrayContaining([expect.stringContaining('at ')]));
    }
  });

  it('aborts at the deadline', async () => {
    const clock = new ManualClock();
    const result = start(waits, { clock });
    await clock.advance(999);
    await clock.advance(1);
    expect(await result).toMatchObject({ verdict: { reason: 'timeout' }, durationSeconds: 1 });
  });

  it('abandons a prober that does not stop', async () => {
    const clock = new ManualClock();
    const result = start(hangs, { clock });
    await clock.advance(1_249);
    await clock.advance(1);
    expect((await result).verdict).toEqual(
      failure('timeout', 'Request timed out after 1s, and the prober did not stop'),
    );
    expect(clock.timers).toBe(0);
  });

  it.each<[string, (run: Run) => Promise<Outcome>]>([
    ['that stops', waits],
    ['that does not', hangs],
  ])('is unknown when it is cancelled, with a prober %s', async (_which, body) => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const result = start(body, { clock, signal: controller.signal });
    controller.abort();
    await clock.advance(250);
    expect((await result).verdict).toMatchObject({ status: 'unknown', reason: 'agent_error' });
  });

  it('keeps a success from before it noticed the cancellation', async () => {
    const controller = new AbortController();
    const result = await start(
      () => {
        controller.abort();
        return Promise.resolve({ verdict: SUCCESS, samples: [] });
      },
      { signal: controller.signal },
    );
    expect(result.verdict).toBe(SUCCESS);
  });

  it('does not start when it is already cancelled', async () => {
    let begun = false;
    const body = (): Promise<Outcome> => {
      begun = true;
      return Promise.resolve({ verdict: SUCCESS, samples: [] });
    };
    expect((await start(body, { signal: AbortSignal.abort() })).verdict.status).toBe('unknown');
    expect(begun).toBe(false);
  });

  it.each<[number, Verdict, Partial<Verdict>]>([
    [400, failure('timeout', 'late'), { status: 'failure' }],
    [600, failure('timeout', 'late'), { status: 'unknown', reason: 'agent_overload' }],
    [600, failure('connect_timeout', 'late'), { status: 'unknown', reason: 'agent_overload' }],
    [600, failure('status', 'bad'), { status: 'failure' }],
  ])('blames the agent when the deadline comes %d ms late: %j', async (late, verdict, expected) => {
    let now = 0;
    let ring = (): void => undefined;
    const clock = {
      now: () => now,
      monotonic: () => now,
      after: (_delay: number, then: () => void) => {
        ring = then;
        return () => undefined;
      },
    };
    const body = (run: Run): Promise<Outcome> =>
      new Promise((resolve) => run.signal.addEventListener('abort', () => resolve({ verdict, samples: [] })));
    const result = start(body, { clock });
    now = 1_000 + late;
    ring();
    expect((await result).verdict).toMatchObject(expected);
  });

  it('keeps the log within bounds', async () => {
    const result = await start((run) => {
      for (let i = 0; i < 500; i += 1) run.log('again');
      return Promise.resolve({ verdict: SUCCESS, samples: [] });
    });
    expect(result.log).toHaveLength(100);
  });
});

describe('the registry', () => {
  it('contains every prober once', () => {
    const types = probers.map(({ type }) => type);
    expect(new Set(types).size).toBe(types.length);
    expect(types).toEqual(expect.arrayContaining(['http', 'tcp', 'unix', 'tls', 'redis']));
  });

  it('declares families that Prometheus accepts, and none with conflicting definitions', () => {
    const all = [...RUN_FAMILIES, ...probers.flatMap(({ families }) => families)];
    for (const family of all) {
      expect(family.name).toMatch(/^(probe|redis|tocsin)_[a-z0-9_]+$/);
      expect(family.help).not.toBe('');
      expect(all.filter(({ name }) => name === family.name).every((other) => other === family)).toBe(true);
    }
  });
});
