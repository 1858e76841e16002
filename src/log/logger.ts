import { pino, type LoggerOptions } from 'pino';
import type { Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import type { LineOutput } from './output.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Fields that are never logged, at any depth at which Tocsin logs. */
const REDACTED = ['password', 'token', 'secret', 'authorization', 'cookie'];

export interface LoggerSettings {
  readonly level: LogLevel;
  /** Where the lines are written. */
  readonly destination: LineOutput;
  /** Called for every line that is written, with its level. */
  readonly onLine?: (level: string) => void;
}

/** Creates the logger: JSON lines (pino), secrets removed. */
export function createLogger(settings: LoggerSettings): Logger {
  const options: LoggerOptions = {
    level: settings.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: REDACTED.flatMap((field) => [field, `*.${field}`]), censor: '<secret>' },
    hooks: {
      logMethod(args, method, level) {
        settings.onLine?.(pino.levels.labels[level] ?? 'other');
        method.apply(this, args);
      },
    },
  };
  return pino(options, settings.destination);
}

/** Formats a line of JSON for a person; loaded only where it is used. */
export async function prettyFormat(): Promise<(line: string) => string> {
  const { prettyFactory } = await import('pino-pretty');
  const format = prettyFactory({ colorize: true });
  return format;
}

const REPEAT_MS = 60_000;

/** Fields that identify the subject of a message: names in the configuration and files, of which there are few. */
const IDENTIFYING_FIELDS = [
  ...['sink', 'watchdog', 'alertmanager', 'webhook', 'service', 'collector', 'file'],
  // of a configuration: a different problem is not a repeat
  'problems',
  // of a damaged row of the ledger, which is logged once, and at most a hundred of them
  ...['table', 'row'],
  // of a reload: each part that failed
  'step',
  // of a periodic task that failed
  'task',
];

/**
 * A logger that limits warnings and errors: the first of a message is written, the same message about the same subject
 * is only counted during the following minute, and one line at the end of that minute reports the count and the last of
 * them.
 */
export function withoutRepeats(logger: Logger, clock: Clock): Logger {
  const counts = new Map<string, { repeats: number; fields: Readonly<Record<string, unknown>> }>();
  const once =
    (level: 'warn' | 'error'): Logger['warn'] =>
    (fields, message) => {
      const key = JSON.stringify([message, ...IDENTIFYING_FIELDS.map((field) => fields[field])]);
      const known = counts.get(key);
      if (known !== undefined) {
        known.repeats += 1;
        known.fields = fields;
        return;
      }
      const count = { repeats: 0, fields };
      counts.set(key, count);
      logger[level](fields, message);
      clock.after(REPEAT_MS, () => {
        counts.delete(key);
        if (count.repeats > 0) logger[level]({ ...count.fields, repeats: count.repeats }, message);
      });
    };
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: once('warn'),
    error: once('error'),
  };
}
