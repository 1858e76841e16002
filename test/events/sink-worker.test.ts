import { describe, expect, it } from '@jest/globals';
import type { CloudEvent } from '../../src/domain/event.ts';
import { EventBus } from '../../src/events/event-bus.ts';
import { SinkWorker, backoffMs } from '../../src/events/sinks/sink-worker.ts';
import type { DeliveryAttempt, Sink } from '../../src/events/sinks/sink.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { MemoryLedger } from '../support/ledger/memory-ledger.ts';
import { recordingLogger } from '../support/recording-logger.ts';

/** A sink that keeps what it receives, and answers as scripted. */
class FakeSink implements Sink {
  readonly got: string[] = [];
  closed = false;
  answer: (events: readonly CloudEvent[]) => DeliveryAttempt | Promise<DeliveryAttempt> = (events) => ({
    accepted: events.length,
  });

  async deliver(events: readonly CloudEvent[]): Promise<DeliveryAttempt> {
    const delivered = await this.answer(events);
    this.got.push(...events.slice(0, delivered.accepted).map(({ id }) => id));
    return delivered;
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

function start(ledger = new MemoryLedger(), sink = new FakeSink()) {
  const clock = new ManualClock();
  const { logger, lines } = recordingLogger();
  const counts: Record<string, number> = {};
  const count = (what: string, more = 1) => (counts[what] = (counts[what] ?? 0) + more);
  const worker = new SinkWorker({
    name: 'out',
    sink,
    bus: new EventBus(ledger),
    ledger,
    clock,
    logger,
    random: () => 1,
    onEvents: count,
    onFailure: () => count('failures'),
  });
  return { ledger, sink, clock, lines, counts, pump: worker };
}

const ids = (count: number, from = 1) => Array.from({ length: count }, (_, i) => `e1-${from + i}`);
/** A signal that never aborts. */
const NEVER = new AbortController().signal;
const down = { accepted: 0, failure: { reason: 'connection refused' } };

describe('a sink worker', () => {
  it('starts with events after it was first configured, and saves its position', async () => {
    const ledger = new MemoryLedger();
    ledger.append(3);
    const { pump: worker, sink, counts } = start(ledger);
    await settle();
    ledger.append(250);
    await settle();
    await worker.stop(NEVER);
    expect(sink.got).toEqual(ids(250, 4));
    expect(ledger.places.get('out')).toBe('e1-253');
    expect(counts).toEqual({ delivered: 250 });
    expect(sink.closed).toBe(true);
  });

  it('continues after a restart where it stopped', async () => {
    const { ledger, pump: worker } = start();
    await settle();
    ledger.append(2);
    await settle();
    await worker.stop(NEVER);
    ledger.append(3);
    const second = start(ledger);
    await settle();
    await second.pump.stop(NEVER);
    expect(second.sink.got).toEqual(ids(3, 3));
  });
});

describe('a sink worker whose sink fails', () => {
  it('retries after a sink that throws, as after one that reports a failure', async () => {
    const { ledger, sink, pump: worker, clock } = start();
    sink.answer = () => {
      throw new Error('ENOSPC: no space left on device');
    };
    await settle();
    ledger.append(2);
    await settle();
    expect(worker.failing).toBe('ENOSPC: no space left on device');
    sink.answer = (events) => ({ accepted: events.length });
    await clock.advance(30_000);
    await worker.stop(NEVER);
    expect(sink.got).toEqual(ids(2));
  });

  it('retries with growing delays, and loses nothing', async () => {
    const { ledger, sink, pump: worker, clock, lines, counts } = start();
    let attempts = 0;
    sink.answer = () => {
      attempts++;
      return down;
    };
    await settle();
    ledger.append(2);
    await settle();
    expect(worker.failing).toBe('connection refused');
    // 0.5, 1, 2, 4, 8, 16, then every 30 s
    for (const [seconds, expected] of [
      [0.5, 2],
      [1, 3],
      [2, 4],
      [4, 5],
      [8, 6],
      [16, 7],
      [30, 8],
      [29, 8],
      [1, 9],
    ] as const) {
      await clock.advance(seconds * 1_000);
      expect(attempts).toBe(expected);
    }
    ledger.append(3);
    sink.answer = (events) => ({ accepted: events.length });
    await clock.advance(30_000);
    await worker.stop(NEVER);
    expect(sink.got).toEqual(ids(5));
    expect(counts).toEqual({ failures: 9, delivered: 5 });
    expect(lines.map(({ level, message }) => [level, message])).toEqual([
      ['warn', 'a sink does not accept events; they are kept and sent again'],
      ['warn', 'a sink does not accept events; they are kept and sent again'],
      ['info', 'a sink accepts events again'],
    ]);
    expect(worker.failing).toBeUndefined();
  });

  it('waits as long as the receiver asks, up to five minutes', async () => {
    const { ledger, sink, pump: worker, clock } = start();
    let attempts = 0;
    sink.answer = () => {
      attempts++;
      return { accepted: 0, failure: { reason: 'HTTP 429', retryAfterMs: attempts === 1 ? 10_000 : 1e9 } };
    };
    await settle();
    ledger.append(1);
    await settle();
    await clock.advance(9_999);
    expect(attempts).toBe(1);
    await clock.advance(1);
    expect(attempts).toBe(2);
    await clock.advance(300_000);
    expect(attempts).toBe(3);
    await worker.stop(NEVER);
  });
});

describe('a sink worker, with events that cannot be delivered or saved,', () => {
  it('skips events that are refused permanently, and reports which', async () => {
    const { ledger, sink, pump: worker, lines, counts } = start();
    sink.answer = ([event]) =>
      event?.data === 'bad'
        ? { accepted: 0, failure: { reason: 'HTTP 422: too odd', permanent: true } }
        : { accepted: 1 };
    await settle();
    ledger.append(1);
    ledger.append(2, { data: 'bad' });
    ledger.append(1);
    await settle();
    await worker.stop(NEVER);
    expect(sink.got).toEqual(['e1-1', 'e1-4']);
    expect(counts).toEqual({ delivered: 2, refused: 2, failures: 2 });
    expect(ledger.letters.map(({ id, reason }) => [id, reason])).toEqual([
      ['e1-2', 'HTTP 422: too odd'],
      ['e1-3', 'HTTP 422: too odd'],
    ]);
    expect(ledger.places.get('out')).toBe('e1-4');
    // the second within a minute is only counted
    expect(lines).toEqual([expect.objectContaining({ level: 'warn', event: 'e1-2', more: 0 })]);
  });

  it('saves what a batch delivered before it failed', async () => {
    const { ledger, sink, pump: worker } = start();
    sink.answer = (events) => ({ ...down, accepted: events.length === 5 ? 3 : 0 });
    await settle();
    ledger.append(5);
    await settle();
    expect(ledger.places.get('out')).toBe('e1-3');
    await worker.stop(NEVER);
    const second = start(ledger);
    await settle();
    await second.pump.stop(NEVER);
    expect(second.sink.got).toEqual(['e1-4', 'e1-5']);
  });

  it('is not blocked by a ledger that cannot save', async () => {
    const { ledger, sink, pump: worker, clock } = start();
    await settle();
    sink.answer = (events) => {
      ledger.available = false;
      return { accepted: events.length };
    };
    ledger.append(1);
    await settle();
    ledger.append(1);
    await clock.advance(500);
    ledger.available = true;
    sink.answer = (events) => ({ accepted: events.length });
    await clock.advance(1_000);
    await worker.stop(NEVER);
    expect(sink.got).toEqual(['e1-1', 'e1-2']);
    expect(ledger.places.get('out')).toBe('e1-2');
  });

  it('reports how many events retention removed before the sink received them', async () => {
    const { ledger, pump: worker } = start();
    await settle();
    await worker.stop(NEVER);
    ledger.append(5);
    ledger.prune(3);
    const { pump: second, sink, lines, counts } = start(ledger);
    await settle();
    await second.stop(NEVER);
    expect(sink.got).toEqual(['e1-4', 'e1-5']);
    expect(counts).toEqual({ lost: 3, delivered: 2 });
    expect(lines).toEqual([expect.objectContaining({ level: 'error', sink: 'out', events: 3 })]);
  });
});

describe('a sink worker that is stopped', () => {
  it('lets the current delivery end, and starts no other', async () => {
    const { ledger, sink, pump: worker } = start();
    let release: () => void = () => undefined;
    sink.answer = () =>
      new Promise((resolve) => {
        release = () => resolve({ accepted: 1 });
      });
    await settle();
    ledger.append(3);
    await settle();
    const stopped = worker.stop(NEVER);
    await settle();
    expect(sink.closed).toBe(false);
    release();
    await stopped;
    expect(sink.got).toEqual(['e1-1']);
    expect(ledger.places.get('out')).toBe('e1-1');
  });
});

describe('the delays of a sink worker', () => {
  it('have jitter', () => {
    expect([backoffMs(0, 0), backoffMs(0, 1), backoffMs(3, 0.5), backoffMs(99, 1)]).toEqual([
      250, 500, 3_000, 30_000,
    ]);
  });
});
