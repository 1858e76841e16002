import { z } from 'zod';
import { CANNOT_WORK, type ConfigFiles } from '../../settings/values.ts';

const VERSIONS: readonly string[] = ['HTTP/1.0', 'HTTP/1.1', 'HTTP/2.0', 'HTTP/3.0'];

/** `valid_status_codes`: blackbox_exporter accepts any number, and truncates it to a whole one. */
export function statusCodes({ lenient = false }: ConfigFiles) {
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
export function httpVersions({ lenient = false }: ConfigFiles) {
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
