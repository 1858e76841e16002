import type { Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import { createLogger, prettyFormat, withoutRepeats, type LogLevel } from '../log/logger.ts';
import { createOutput, type OutputStream } from '../log/output.ts';

export { LOG_LEVELS, type LogLevel } from '../log/logger.ts';

export interface LogSettings {
  readonly level: LogLevel;
  /** Lines for a person instead of JSON. */
  readonly pretty: boolean;
  /** Where the lines are written. */
  readonly stream: OutputStream;
}

interface LogCounts {
  /** Counts a line, by level. */
  logged(level: string): void;
  /** Counts a line that could not be written. */
  logDropped(): void;
}

/** Creates the one logger. */
export async function startLogging(
  { level, pretty, stream }: LogSettings,
  clock: Clock,
  counts: LogCounts,
): Promise<Logger> {
  const destination = createOutput({
    stream,
    onDropped: () => counts.logDropped(),
    ...(pretty && { format: await prettyFormat() }),
  });
  return withoutRepeats(createLogger({ level, destination, onLine: (at) => counts.logged(at) }), clock);
}
