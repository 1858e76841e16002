import { z } from 'zod';
import { SUCCESS } from '../../../src/domain/result.ts';
import type { Family } from '../../../src/metrics/family.ts';
import { defineProber } from '../../../src/probes/prober.ts';
import type { Prober } from '../../../src/probes/prober.ts';
import { duration, regexp, secret, secretFile } from '../../../src/settings/values.ts';

const tlsVersion: Family = {
  name: 'probe_tls_version_info',
  type: 'gauge',
  help: 'The TLS version of the connection.',
  labels: ['version'],
};

/** Probers with the settings of real ones, for tests of the configuration; they probe nothing. */
export const fakeProbers: readonly Prober[] = [
  defineProber({
    type: 'http',
    families: [tlsVersion],
    settings: () =>
      z.strictObject({
        method: z.enum(['GET', 'HEAD', 'POST']).default('GET'),
        valid_status_codes: z.array(z.int().min(100).max(599)).default([]),
        headers: z.record(z.string(), z.string()).default({}),
        fail_if_body_matches_regexp: z.array(regexp).default([]),
        follow_redirects: z.boolean().default(true),
        tls_config: z.strictObject({ server_name: z.string().optional() }).optional(),
      }),
    target: (address) => {
      const url = URL.canParse(address) ? new URL(address) : undefined;
      if (url === undefined || !url.protocol.startsWith('http')) {
        return { problem: 'not an http:// or https:// URL; expected one such as https://host:8080/health' };
      }
      return { label: `${url.protocol}//${url.host}${url.pathname}`, host: url.hostname };
    },
    probe: () => Promise.resolve({ verdict: SUCCESS, samples: [] }),
  }),
  defineProber({
    type: 'tcp',
    families: [],
    settings: () => z.strictObject({ tls: z.boolean().default(false) }),
    target: (address) => ({ label: address, host: address.replace(/:\d+$/, '') }),
    probe: () => Promise.resolve({ verdict: SUCCESS, samples: [] }),
  }),
  defineProber({
    type: 'redis',
    families: [],
    settings: (files) =>
      z
        .strictObject({
          password: secret.optional(),
          password_file: secretFile(files).optional(),
          max_age: duration.optional(),
          either: z.union([z.string(), z.strictObject({ name: z.string() })]).optional(),
        })
        .refine((given) => given.password === undefined || given.password_file === undefined, {
          error: 'give either password or password_file, not both',
          path: ['password_file'],
        }),
    target: (address) => ({ label: address, host: 'localhost' }),
    probe: () => Promise.resolve({ verdict: SUCCESS, samples: [] }),
  }),
];
