import type { RE2JS } from 're2js';
import { z } from 'zod';
import { CANNOT_WORK, regexp, sizeIn, type ConfigFiles } from '../../settings/values.ts';
import { celRule } from './rules/cel.ts';

export interface HeaderRule {
  /** Lower case. */
  readonly header: string;
  readonly regexp: RE2JS;
  readonly allowMissing: boolean;
}

const VERSIONS: readonly string[] = ['HTTP/1.0', 'HTTP/1.1', 'HTTP/2.0', 'HTTP/3.0'];

/** `valid_status_codes`: blackbox_exporter accepts any number, and truncates it to a whole one. */
function statusCodes({ lenient = false }: ConfigFiles) {
  if (lenient) return z.array(z.number().transform(Math.trunc));
  return z.array(z.number()).superRefine(
    onlyPossible<number>({
      isPossible: (code) => code >= 100 && code < 1_000,
      isRight: Number.isInteger,
      what: 'status',
      expected: 'a whole number from 100 to 999',
    }),
  );
}

/** `valid_http_versions`: blackbox_exporter accepts any text, and compares it with the answer's version. */
function httpVersions({ lenient = false }: ConfigFiles) {
  if (lenient) return z.array(z.string());
  return z.array(z.string()).superRefine(
    onlyPossible<string>({
      isPossible: (version) => VERSIONS.includes(version),
      what: 'version',
      expected: `one of ${VERSIONS.join(', ')}`,
    }),
  );
}

interface Possible<T> {
  /** Whether an answer can have it, as blackbox_exporter reads it. */
  readonly isPossible: (value: T) => boolean;
  /** Whether it is also well-formed. */
  readonly isRight?: (value: T) => boolean;
  readonly what: string;
  readonly expected: string;
}

/** Reports every value that no answer can have; if no value is possible, the module cannot work. */
function onlyPossible<T extends string | number>({
  isPossible,
  isRight = () => true,
  what,
  expected,
}: Possible<T>) {
  return (values: readonly T[], context: z.core.$RefinementCtx<readonly T[]>): void => {
    const hopeless = values.length > 0 && !values.some((value) => isPossible(value));
    for (const [index, value] of values.entries()) {
      if (isPossible(value) && isRight(value)) continue;
      context.addIssue({
        code: 'custom',
        path: [index],
        message: `invalid ${what} ${JSON.stringify(value)}; expected ${expected}`,
        ...(hopeless && { params: CANNOT_WORK }),
      });
    }
  };
}

const headerRule = z
  .strictObject({
    header: z.string().min(1).meta({ description: 'the name of the header' }),
    regexp: regexp
      .refine((given) => given.pattern() !== '', { error: 'expected a regular expression' })
      .meta({ description: 'matched against each of its values; one that matches is enough' }),
    allow_missing: z.boolean().default(false).meta({ description: 'an answer without the header passes' }),
  })
  .transform((given): HeaderRule => ({
    header: given.header.toLowerCase(),
    regexp: given.regexp,
    allowMissing: given.allow_missing,
  }));

/** The keys with requirements on the answer that mean the same in every file. */
const rules = {
  fail_if_ssl: z.boolean().default(false).meta({ description: 'fail when the final answer came over TLS' }),
  fail_if_not_ssl: z
    .boolean()
    .default(false)
    .meta({ description: 'fail when the final answer came without TLS' }),
  fail_if_body_matches_regexp: z
    .array(regexp)
    .default([])
    .meta({ description: 'fail when the body matches one of these' }),
  fail_if_body_not_matches_regexp: z
    .array(regexp)
    .default([])
    .meta({ description: 'fail unless the body matches each of these' }),
  fail_if_body_json_matches_cel: celRule.optional().meta({
    description: 'fail when this CEL expression over `body`, the JSON of the answer, is true',
  }),
  fail_if_body_json_not_matches_cel: celRule.optional().meta({
    description: 'fail unless this CEL expression over `body`, the JSON of the answer, is true',
  }),
  fail_if_header_matches: z
    .array(headerRule)
    .default([])
    .meta({ description: 'fail when a header matches its rule' }),
  fail_if_header_not_matches: z
    .array(headerRule)
    .default([])
    .meta({ description: 'fail when a header does not match its rule' }),
};

const MAX_MATCH_BYTES = 64 * 1_048_576;

/** The keys with requirements on the answer. */
export function answerKeys(files: ConfigFiles) {
  return {
    valid_status_codes: statusCodes(files)
      .default([])
      .meta({ description: 'the status codes that are a success, from 100 to 999; when empty, 2xx' }),
    valid_http_versions: httpVersions(files)
      .default([])
      .meta({ description: 'the versions that are a success, such as `HTTP/1.1`; when empty, all' }),
    body_size_limit: sizeIn(files)
      .default(0)
      .meta({ description: 'fail when the body is larger; 0, the default, is no limit' }),
    body_match_limit: sizeIn(files)
      .refine((bytes) => bytes >= 1 && bytes <= MAX_MATCH_BYTES, {
        error: 'expected a size from 1 byte to 64MiB: as much of the body is kept and searched',
      })
      .default(1_048_576)
      .meta({
        description: 'how much of the body the rules about it see: `1MiB` when absent, at most `64MiB`',
      }),
    ...rules,
  };
}
