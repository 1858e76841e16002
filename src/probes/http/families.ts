import { defineFamily, type Family } from '../../metrics/family.ts';
import { FAILED_DUE_TO_REGEX } from '../families.ts';
import { TLS_CIPHER, TLS_FAMILIES } from '../net/tls/certificates.ts';

export const STATUS_CODE = defineFamily('gauge', 'probe_http_status_code', 'Response HTTP status code');
export const DURATION = defineFamily(
  'gauge',
  'probe_http_duration_seconds',
  'Duration of http request by phase, summed over all redirects',
  ['phase'],
);
export const CONTENT_LENGTH = defineFamily(
  'gauge',
  'probe_http_content_length',
  'Length of http content response',
);
export const BODY_LENGTH = defineFamily(
  'gauge',
  'probe_http_uncompressed_body_length',
  'Length of uncompressed response body',
);
export const REDIRECTS = defineFamily('gauge', 'probe_http_redirects', 'The number of redirects');
export const SSL = defineFamily(
  'gauge',
  'probe_http_ssl',
  'Indicates if SSL was used for the final redirect',
);
export const VERSION = defineFamily(
  'gauge',
  'probe_http_version',
  'Returns the version of HTTP of the probe response',
);
export const LAST_MODIFIED = defineFamily(
  'gauge',
  'probe_http_last_modified_timestamp_seconds',
  'Returns the Last-Modified HTTP response header in unixtime',
);
export const FAILED_DUE_TO_CEL = defineFamily(
  'gauge',
  'probe_failed_due_to_cel',
  'Indicates if probe failed due to CEL expression not matching',
);

export const HTTP_FAMILIES: readonly Family[] = [
  STATUS_CODE,
  DURATION,
  CONTENT_LENGTH,
  BODY_LENGTH,
  REDIRECTS,
  SSL,
  VERSION,
  LAST_MODIFIED,
  FAILED_DUE_TO_REGEX,
  FAILED_DUE_TO_CEL,
  ...TLS_FAMILIES,
  TLS_CIPHER,
];
