import type { RE2JS } from 're2js';
import { z } from 'zod';
import { CANNOT_WORK, regexp, type ConfigFiles } from '../../settings/values.ts';
import { tlsSettings } from '../net/tls/settings.ts';

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
export const textOrBytes = z.union([z.string(), z.instanceof(Uint8Array)], { error: 'expected text' });

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
    })
    .meta({ description: 'the name of the label' }),
  value: z
    .string()
    .default('')
    .meta({ description: 'its value, in which `$1` is the first group of what `expect` matched' }),
});

const step = z
  .strictObject({
    expect: regexp.optional().meta({ description: 'lines are read until one matches this' }),
    expect_bytes: textOrBytes.optional().meta({
      description: 'as many bytes are read, and have to be these: text or `!!binary`, instead of `expect`',
    }),
    labels: z
      .array(label)
      .default([])
      .meta({ description: 'labels of `probe_expect_info`, made of what `expect` matched' }),
    send: textOrBytes.optional().meta({
      description: 'sent with a newline; may contain what `expect` matched, such as `$1`',
    }),
    send_bytes: hexBytes.optional().meta({
      description: 'sent without a newline: bytes in hexadecimal such as `00 00 00 08`, instead of `send`',
    }),
    starttls: z.boolean().default(false).meta({ description: 'begin TLS after what this step sends' }),
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

/** blackbox_exporter's keys for a connection with a dialogue, plus `send_bytes` among its steps. */
export function dialogueKeys(files: ConfigFiles) {
  return {
    query_response: z
      .array(step)
      .default([])
      .meta({ description: 'the steps of the dialogue; without any, the connection is enough' }),
    tls: z.boolean().default(false).meta({ description: 'make a TLS handshake at once' }),
    tls_config: tlsSettings(files, 'for `tls` and `starttls`'),
  };
}
