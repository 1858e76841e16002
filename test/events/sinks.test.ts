import { describe, expect, it } from '@jest/globals';
import { EventBus } from '../../src/events/event-bus.ts';
import type { Sink } from '../../src/events/sinks/sink.ts';
import { Sinks } from '../../src/events/sinks/sinks.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { MemoryLedger } from '../support/ledger/memory-ledger.ts';
import { recordingLogger } from '../support/recording-logger.ts';

const refuse = () => {
  throw new Error('broken');
};

/** A sink whose every part may fail. */
function sinkThat(broken: 'create' | 'deliver' | 'close' | 'nothing', got: string[]) {
  const sink: Sink = {
    deliver: (events) => {
      if (broken === 'deliver') refuse();
      got.push(...events.map(({ id }) => id));
      return Promise.resolve({ accepted: events.length });
    },
    close: () => (broken === 'close' ? Promise.reject(new Error('broken')) : Promise.resolve()),
  };
  return { name: 'out', type: 'fake', create: () => (broken === 'create' ? refuse() : sink) };
}

describe('a reload', () => {
  it.each(['create', 'deliver', 'close'] as const)(
    'starts the sinks of the new configuration after one whose %s throws',
    async (broken) => {
      const ledger = new MemoryLedger();
      const { logger } = recordingLogger();
      const sinks = new Sinks({
        ...{ ledger, bus: new EventBus(ledger), clock: new ManualClock(), logger, random: () => 1 },
        onEvents: () => undefined,
        onFailure: () => undefined,
      });
      sinks.configure([sinkThat(broken, [])]);
      await settle();
      ledger.append(1);
      await settle();
      const got: string[] = [];
      sinks.configure([sinkThat('nothing', got)]);
      await settle();
      ledger.append(1);
      await settle();
      expect(got.at(-1)).toBe('e1-2');
      const end = new AbortController();
      end.abort();
      await sinks.stop(end.signal);
    },
  );
});
