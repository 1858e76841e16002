import { describe, expect, it } from '@jest/globals';
import type { NewEvent } from '../../src/domain/event.ts';
import { Outbox } from '../../src/events/outbox.ts';
import { LedgerUnavailableError, type RunRecord } from '../../src/ledger/ledger.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { recordingLogger } from '../support/recording-logger.ts';

function make() {
  const clock = new ManualClock();
  const { logger, lines } = recordingLogger();
  const events: string[] = [];
  const runs: number[] = [];
  const ledger = {
    broken: false,
    append: (batch: readonly NewEvent[]) => {
      if (ledger.broken) return Promise.reject(new LedgerUnavailableError('disk full'));
      events.push(...batch.map(({ subject }) => subject ?? ''));
      return Promise.resolve();
    },
    recordRuns: (batch: readonly RunRecord[]) => {
      if (ledger.broken) return Promise.reject(new LedgerUnavailableError('disk full'));
      runs.push(...batch.map(({ at }) => at));
      return Promise.resolve();
    },
  };
  return { clock, lines, events, runs, ledger, outbox: new Outbox({ ledger, clock, logger }) };
}

const event = (subject: string): NewEvent => ({ type: 'tocsin.check.healthy', subject, time: 0, data: {} });
const run = (at: number): RunRecord => ({
  service: 's',
  target: 't',
  at,
  status: 'success',
  durationSeconds: 1,
});

describe('the outbox', () => {
  it('writes events at once and runs within a quarter of a second, both in order', async () => {
    const { clock, outbox, events, runs } = make();
    outbox.addRun(run(1));
    outbox.addRun(run(2));
    outbox.addEvent(event('a'));
    outbox.addEvent(event('b'));
    await clock.advance(0);
    expect(events).toEqual(['a', 'b']);
    await clock.advance(250);
    expect(runs).toEqual([1, 2]);
  });

  it('keeps everything in order while the ledger cannot write, and retries', async () => {
    const { clock, outbox, events, runs, ledger, lines } = make();
    ledger.broken = true;
    outbox.addEvent(event('a'));
    outbox.addRun(run(1));
    await clock.advance(500);
    outbox.addEvent(event('b'));
    outbox.addRun(run(2));
    await clock.advance(5_000);
    expect(lines.some(({ level }) => level === 'warn')).toBe(true);
    ledger.broken = false;
    await clock.advance(2_500);
    expect(events).toEqual(['a', 'b']);
    expect(runs).toEqual([1, 2]);
  });

  it('writes pending records when it is closed', async () => {
    const { clock, outbox, events, runs } = make();
    outbox.addEvent(event('a'));
    outbox.addRun(run(1));
    await outbox.close();
    expect([events, runs]).toEqual([['a'], [1]]);
    expect(clock.timers).toBe(0);
  });

  it('drops the oldest, and logs it, when the ledger has accepted nothing for too long', async () => {
    const { clock, outbox, events, ledger, lines } = make();
    ledger.broken = true;
    for (let i = 0; i < 50_010; i++) outbox.addEvent(event(String(i)));
    ledger.broken = false;
    await clock.advance(5_000);
    expect(events).toHaveLength(50_000);
    expect(events[0]).toBe('10');
    expect(lines.some(({ level }) => level === 'error')).toBe(true);
  });
});
