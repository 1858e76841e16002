import type { Logger } from '../../domain/log.ts';
import type { Sink } from './sink.ts';

/** Writes each event as a line of Tocsin's log. */
export function createLogSink(name: string, logger: Logger): Sink {
  return {
    deliver: (events) => {
      for (const { json } of events) logger.info({ sink: name, event: JSON.parse(json) as unknown }, 'event');
      return Promise.resolve({ accepted: events.length });
    },
    close: () => Promise.resolve(),
  };
}
