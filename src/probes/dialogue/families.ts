import { defineFamily, type Family } from '../../metrics/family.ts';
import { FAILED_DUE_TO_REGEX } from '../families.ts';
import { TLS_CIPHER, TLS_FAMILIES } from '../net/tls/certificates.ts';

export const FAILED_DUE_TO_BYTES = defineFamily(
  'gauge',
  'probe_failed_due_to_bytes',
  'Indicates if probe failed due to bytes',
);

/** Its labels are those that the settings name. */
export const EXPECT_INFO = defineFamily('gauge', 'probe_expect_info', 'Explicit content matched');

/** What probers with a dialogue expose. */
export const DIALOGUE_FAMILIES: readonly Family[] = [
  FAILED_DUE_TO_REGEX,
  FAILED_DUE_TO_BYTES,
  EXPECT_INFO,
  ...TLS_FAMILIES,
  TLS_CIPHER,
];
