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

/** Files that a configuration names: paths are relative to the file that names them. */
export interface ConfigFiles {
  /** The absolute path. */
  resolve(path: string): string;
  /** Reads a text file whole; throws an Error whose message says which file and why. */
  read(path: string): string;
  /** blackbox_exporter's own file: texts mean what they mean there. */
  readonly dialect?: 'blackbox';
  /**
   * Whether everything is taken that blackbox_exporter takes and that works there in part, such as a status that no
   * answer can have beside one that it can. What never works there is wrong in any case: see `CANNOT_WORK`.
   */
  readonly lenient?: boolean;
  /** Variables that settings may name; none unless given. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** For an issue: blackbox_exporter loads this, and then fails each run of the module. In its file that module alone fails. */
export const CANNOT_WORK = { unsupported: true } as const;

/** A Prometheus duration, as milliseconds. Numbers are refused: `30` does not say its unit. */
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

/** A duration that is more than nothing, as milliseconds. */
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
 * A size as blackbox_exporter reads it (`1.5MB`, `1GiB512MiB`, `0`): units are powers of 1024, whether or not they have
 * an i, and a number without one is an error. @see https://pkg.go.dev/github.com/alecthomas/units#ParseBase2Bytes
 */
const binarySize = z
  .union([z.string(), z.number().transform(String)], { error: 'expected a size such as 10MB' })
  .transform((given, context) => {
    const bytes = parseBinarySize(given);
    // less than nothing is no limit there
    if (bytes !== undefined) return Math.max(0, bytes);
    const message = `"${given}" is not a size; expected one such as 512KB, 1.5MB or 1GiB (units are powers of 1024)`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

/** A size in bytes, in the units of the file that it is in. */
export function sizeIn({ dialect }: ConfigFiles) {
  return dialect === 'blackbox' ? binarySize : size;
}

/** An RE2 regular expression (linear time, Prometheus's syntax), compiled. */
export const regexp = regexpSchema({});

/** One that blackbox_exporter compiles when it is needed, and not when it loads its file. */
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

/** A setting that may be left out, and is so by an empty text, as in Go: templates write such. */
export function unlessEmpty<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess((given) => (given === '' ? undefined : given), schema.optional()).optional();
}

/** A secret given in the configuration itself. */
export const secret = z
  .string()
  .transform((text) => new Secret(text))
  .meta({ title: 'secret' });

/** A secret kept in a file: read once when the configuration is loaded, white space at its end removed. */
export function secretFile(files: ConfigFiles) {
  return z
    .string()
    .transform((path, context) => {
      const text = readFile(files, path, context);
      if (text === undefined) return z.NEVER;
      const value = text.trimEnd();
      if (value !== '') return new Secret(value);
      const message = `the file ${files.resolve(path)} is empty; it should hold a secret`;
      context.addIssue({ code: 'custom', message, params: CANNOT_WORK });
      return z.NEVER;
    })
    .meta({ title: 'path' });
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
