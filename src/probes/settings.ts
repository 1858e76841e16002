import { RE2JS } from 're2js';
import { z } from 'zod';
import { parseDuration, parseSize } from '../domain/quantity.ts';
import { Secret } from '../domain/secret.ts';

/** Files that a configuration names: paths are relative to the file that names them. */
export interface ConfigFiles {
  /** The absolute path. */
  resolve(path: string): string;
  /** Reads a text file whole; throws an Error whose message says which file and why. */
  read(path: string): string;
  /** Variables that settings may name; none unless given. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

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
  });

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
  });

/** An RE2 regular expression (linear time, Prometheus's syntax), compiled. */
export const regexp = z.string().transform((text, context) => {
  try {
    return RE2JS.compile(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    context.addIssue({
      code: 'custom',
      message: `"${text}" is not a regular expression (RE2 syntax): ${why}`,
    });
    return z.NEVER;
  }
});

/** A setting that may be left out, and is so by an empty text, as in Go: templates write such. */
export function unlessEmpty<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess((given) => (given === '' ? undefined : given), schema.optional()).optional();
}

/** A secret given in the configuration itself. */
export const secret = z.string().transform((text) => new Secret(text));

/** A secret kept in a file: read once when the configuration is loaded, white space at its end removed. */
export function secretFile(files: ConfigFiles) {
  return z.string().transform((path, context) => {
    const text = readFile(files, path, context);
    if (text === undefined) return z.NEVER;
    const value = text.trimEnd();
    if (value !== '') return new Secret(value);
    context.addIssue({
      code: 'custom',
      message: `the file ${files.resolve(path)} is empty; it should hold a secret`,
    });
    return z.NEVER;
  });
}

/** The content of a text file that the configuration names. */
export function fileContent(files: ConfigFiles) {
  return z.string().transform((path, context) => readFile(files, path, context) ?? z.NEVER);
}

interface IssueSink {
  addIssue(issue: { code: 'custom'; message: string }): void;
}

function readFile(files: ConfigFiles, path: string, context: IssueSink): string | undefined {
  try {
    return files.read(path);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
    return undefined;
  }
}
