import type { RE2JS } from 're2js';
import { z } from 'zod';
import { CANNOT_WORK, regexp } from '../../settings/values.ts';

/** One step of a dialogue: what to wait for, what to send then, and whether TLS starts after it. */
export interface DialogueStep {
  readonly expect: RE2JS | undefined;
  readonly expectBytes: Buffer | undefined;
  /** Names and templates of the labels of `probe_expect_info`. */
  readonly labels: readonly (readonly [name: string, template: string])[];
  /** A line: a newline is added after the groups of this step's match are inserted. */
  readonly send: string | Buffer | undefined;
  /** Sent unchanged. */
  readonly sendBytes: Buffer | undefined;
  readonly starttls: boolean;
}

/** Text, or bytes where the YAML has `!!binary`. */
const textOrBytes = z.union([z.string(), z.instanceof(Uint8Array)], { error: 'expected text' });

const hexBytes = z
  .string()
  .regex(/^(?:\s*[0-9a-f]{2})*\s*$/i, {
    error: 'expected bytes in hexadecimal such as "00 00 00 08 04 d2 16 2f"',
  })
  .transform((text) => Buffer.from(text.replace(/\s+/g, ''), 'hex'));

const label = z.strictObject({
  name: z
    .string()
    .default('')
    .refine((name) => /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/.test(name), {
      error: 'expected the name of a label such as version',
      params: CANNOT_WORK,
    }),
  value: z.string().default(''),
});

const step = z
  .strictObject({
    expect: regexp.optional(),
    expect_bytes: textOrBytes.optional(),
    labels: z.array(label).default([]),
    send: textOrBytes.optional(),
    send_bytes: hexBytes.optional(),
    starttls: z.boolean().default(false),
  })
  .refine((given) => given.expect === undefined || !hasText(given.expect_bytes), {
    error: 'expect and expect_bytes are both given; expected one (two steps wait for both)',
    path: ['expect_bytes'],
  })
  .refine((given) => given.send === undefined || given.send_bytes === undefined, {
    error: 'send and send_bytes are both given; expected one',
    path: ['send_bytes'],
  })
  .refine((given) => new Set(given.labels.map(({ name }) => name)).size === given.labels.length, {
    error: 'two labels have the same name',
    params: CANNOT_WORK,
    path: ['labels'],
  })
  .transform((given): DialogueStep => ({
    expect: given.expect,
    expectBytes: hasText(given.expect_bytes) ? Buffer.from(given.expect_bytes) : undefined,
    labels: given.labels.map(({ name, value }) => [name, value]),
    send: typeof given.send === 'object' ? Buffer.from(given.send) : given.send,
    sendBytes: given.send_bytes,
    starttls: given.starttls,
  }));

/** An empty `expect_bytes` counts as none, as in blackbox_exporter. */
function hasText(value: string | Uint8Array | undefined): value is string | Uint8Array {
  return value !== undefined && value.length > 0;
}

/** blackbox_exporter's `query_response`, plus `send_bytes`. */
export const dialogueSteps = z.array(step).default([]);
