import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readConfiguration } from '../../src/app/configuration.ts';
import { Reloader } from '../../src/app/reload.ts';
import type { Config, ConfigResult } from '../../src/config/types.ts';
import type { Outbox } from '../../src/events/outbox.ts';
import { createSelfMetrics } from '../../src/metrics/self/self-metrics.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { recordingLogger } from '../support/recording-logger.ts';

const STEPS = ['limits', 'alerts', 'checks', 'sinks'];

function defaults(): Config {
  const result = readConfiguration({ env: {}, cwd: '/', hostname: 'n1', file: undefined });
  if (!result.ok) throw new Error('the defaults are valid');
  return result.config;
}

const OLD = defaults();
const NEW = defaults();

/** Parts that record their configuration; those that fail do so after applying half of the new one. */
function rig(
  failing: ReadonlySet<string>,
  how: 'throws' | 'rejects',
  read: () => ConfigResult = () => ({ ok: true, config: NEW }),
) {
  const { logger, lines } = recordingLogger();
  const self = createSelfMetrics({ version: '1', node: 'v20' });
  const loaded: boolean[] = [];
  const has = new Map<string, readonly string[]>();
  const events: unknown[] = [];
  const reloader: Reloader = new Reloader({
    initial: OLD,
    read,
    steps: STEPS.map((name) => ({
      name,
      apply: () => {
        const kind = reloader.current === OLD ? 'old' : 'new';
        has.set(name, [...(has.get(name) ?? []), kind]);
        if (kind === 'old' || !failing.has(name)) return undefined;
        if (how === 'rejects') return Promise.reject(new Error(`${name} broke`));
        throw new Error(`${name} broke`);
      },
    })),
    clock: new ManualClock(),
    logger,
    outbox: { addEvent: (event: unknown) => void events.push(event) } as unknown as Outbox,
    selfMetrics: Object.assign(self, { config: { loaded: (ok: boolean) => void loaded.push(ok) } }),
  });
  return { reloader, lines, loaded, has, events };
}

describe('a reload', () => {
  it('is rolled back in every part when any of them throws, and names that part', () => {
    fc.assert(
      fc.property(fc.subarray(STEPS), (failing) => {
        const { reloader, lines, loaded, has, events } = rig(new Set(failing), 'throws');
        const result = reloader.reload();
        const fails = failing.length > 0;
        for (const step of STEPS) expect(has.get(step)).toEqual(fails ? ['new', 'old'] : ['new']);
        expect(result.ok).toBe(!fails);
        expect(loaded.at(-1)).toBe(!fails);
        expect(events.length).toBe(fails ? 0 : 1);
        if (!result.ok) expect(result.problems[0]?.message).toContain(`(${failing[0] ?? ''})`);
        if (fails) expect(reloader.current).toBe(OLD);
        const errors = lines.filter(({ level }) => level === 'error');
        expect(errors.map(({ step, error }) => [step, error])).toEqual(
          failing.map((step) => [step, `${step} broke`]),
        );
      }),
    );
  });

  it('fails, and changes nothing, when the configuration cannot be read by a bug', () => {
    const { reloader, lines, loaded, has } = rig(new Set(), 'throws', () => {
      throw new TypeError('read broke');
    });
    expect(reloader.reload()).toMatchObject({ ok: false });
    expect({ current: reloader.current, loaded: loaded.at(-1), applied: has.size }).toEqual({
      current: OLD,
      loaded: false,
      applied: 0,
    });
    expect(lines).toContainEqual(expect.objectContaining({ step: 'read', error: 'read broke' }));
  });

  it('is logged and counted as a failure, but stays in force, when a part fails later', async () => {
    const { reloader, lines, loaded } = rig(new Set(['alerts']), 'rejects');
    expect(reloader.reload()).toEqual({ ok: true });
    await settle();
    expect(loaded.at(-1)).toBe(false);
    expect(lines.filter(({ level }) => level === 'error')).toMatchObject([
      { step: 'alerts', error: 'alerts broke' },
    ]);
  });
});
