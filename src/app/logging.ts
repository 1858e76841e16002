import type { Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import { createLogger, prettyOutput, withoutRepeats, type LogLevel } from '../log/logger.ts';

export { LOG_LEVELS, type LogLevel } from '../log/logger.ts';

export interface LogSettings {
  readonly level: LogLevel;
  /** Lines for a person instead of JSON. */
  readonly pretty: boolean;
}

/** The one logger; `onLine` is told of every line, by level. */
export async function startLogging(
  { level, pretty }: LogSettings,
  clock: Clock,
  onLine: (level: string) => void,
): Promise<Logger> {
  const destination = pretty ? { destination: await prettyOutput() } : {};
  return withoutRepeats(createLogger({ level, onLine, ...destination }), clock);
}
