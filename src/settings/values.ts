import { RE2JS } from 're2js';
import { z } from 'zod';
import {
  DURATION_PATTERN,
  parseBinarySize,
  parseDuration,
  parseSize,
  SIZE_PATTERN,
} from '../domain/quantity.ts';
import { Secret } from '../domain/secret.ts';

/** The files that a configuration names: paths are relative to the file that names them. */
export interface ConfigFiles {
  /** The absolute path. */
  resolve(path: string): string;
  /** Reads a whole text file; throws an Error whose message says which file and why. */
  read(path: string): string;
  /** blackbox_exporter's own file: values have the meaning they have there. */
  readonly dialect?: 'blackbox';
  /**
   * Whether everything is accepted that blackbox_exporter accepts and that works there in part, such as a status that
   * no answer can have beside one that it can. What never works there is always an error: see `CANNOT_WORK`.
   */
  readonly lenient?: boolean;
  /** Environment variables that settings may name; none by default. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/**
 * For an issue: blackbox_exporter loads this, and then fails each run of the module. In its file only that module
 * fails.
 */
export const CANNOT_WORK = { unsupported: true } as const;

/** A Prometheus duration, in milliseconds. Numbers are rejected: `30` has no unit. */
export const duration = z
  .string({ error: ({ input }) => durationExpected(input) })
  .transform((text, context) => {
    const value = parseDuration(text);
    if (value !== undefined) return value;
    context.addIssue({
      code: 'custom',
      message: `"${text}" is not a duration; expected one such as 500ms, 30s, 5m or 30d`,
    });
    return z.NEVER;
  })
  .meta({ title: 'duration', pattern: DURATION_PATTERN });

function durationExpected(input: unknown): string {
  const given = typeof input === 'number' ? `${input} has no unit; ` : '';
  return `${given}expected a duration such as 500ms, 30s or 5m`;
}

/** A duration of more than 0, in milliseconds. */
export const positiveDuration = duration.refine((value) => value > 0, {
  error: 'expected a duration longer than 0',
});

/** A size in bytes: a whole number, or text such as `64MiB`. */
export const size = z
  .union([z.int().nonnegative(), z.string()], { error: 'expected a size such as 64MiB' })
  .transform((given, context) => {
    const value = typeof given === 'number' ? given : parseSize(given);
    if (value !== undefined) return value;
    context.addIssue({
      code: 'custom',
      message: `"${given}" is not a size; expected bytes, or one such as 64MiB or 1.5GB`,
    });
    return z.NEVER;
  })
  .meta({ title: 'size', pattern: SIZE_PATTERN });

/**
 * A size as blackbox_exporter reads it (`1.5MB`, `1GiB512MiB`, `0`): units are powers of 1024, with or without an `i`,
 * and a number without a unit is an error.
 * @see https://pkg.go.dev/github.com/alecthomas/units#ParseBase2Bytes
 */
const binarySize = z
  .union([z.string(), z.number().transform(String)], { error: 'expected a size such as 10MB' })
  .transform((given, context) => {
    const bytes = parseBinarySize(given);
    // a negative size means no limit there
    if (bytes !== undefined) return Math.max(0, bytes);
    const message = `"${given}" is not a size; expected one such as 512KB, 1.5MB or 1GiB (units are powers of 1024)`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

/** A size in bytes, in the units of its file. */
export function sizeIn({ dialect }: ConfigFiles) {
  return dialect === 'blackbox' ? binarySize : size;
}

/** An RE2 regular expression (linear time, Prometheus's syntax), compiled. */
export const regexp = regexpSchema({});

/** A regular expression that blackbox_exporter compiles on use, and not when it loads its file. */
export const lateRegexp = regexpSchema(CANNOT_WORK);

function regexpSchema(params: Readonly<Record<string, unknown>>) {
  return z
    .string()
    .transform((text, context) => {
      try {
        return RE2JS.compile(text);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        const message = `"${text}" is not a regular expression (RE2 syntax): ${why}`;
        context.addIssue({ code: 'custom', message, params });
        return z.NEVER;
      }
    })
    .meta({ title: 'regular expression' });
}

/** An optional setting for which an empty text means absent, as in Go: templates write such values. */
export function unlessEmpty<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess((given) => (given === '' ? undefined : given), schema.optional()).optional();
}

/** A secret in the configuration itself. */
export const secret = z
  .string()
  .transform((text) => new Secret(text))
  .meta({ title: 'secret' });

/** A secret in a file: read once when the configuration is loaded, trailing white space removed. */
export function secretFile(files: ConfigFiles) {
  return z
    .string()
    .transform((path, context) => {
      const text = readFile(files, path, context);
      if (text === undefined) return z.NEVER;
      const value = text.trimEnd();
      if (value !== '') return new Secret(value);
      const message = `the file ${files.resolve(path)} is empty; expected a secret`;
      context.addIssue({ code: 'custom', message, params: CANNOT_WORK });
      return z.NEVER;
    })
    .meta({ title: 'path' });
}

/** The description of a key that names a file. */
export function fileInsteadOf(key: string) {
  return { description: `the file that holds it, instead of \`${key}\`` };
}

/** The content of a text file that the configuration names. */
export function fileContent(files: ConfigFiles) {
  return z
    .string()
    .transform((path, context) => readFile(files, path, context) ?? z.NEVER)
    .meta({ title: 'path' });
}

interface IssueSink {
  addIssue(issue: { code: 'custom'; message: string; params: typeof CANNOT_WORK }): void;
}

function readFile(files: ConfigFiles, path: string, context: IssueSink): string | undefined {
  try {
    return files.read(path);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    context.addIssue({ code: 'custom', message, params: CANNOT_WORK });
    return undefined;
  }
}
