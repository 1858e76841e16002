import type { Family } from '../../metrics/family.ts';
import { FAILED_DUE_TO_REGEX } from '../families.ts';
import { TLS_CIPHER, TLS_FAMILIES } from '../net/tls/certificates.ts';

export const STATUS_CODE: Family = {
  name: 'probe_http_status_code',
  type: 'gauge',
  help: 'Response HTTP status code',
  labels: [],
};
export const DURATION: Family = {
  name: 'probe_http_duration_seconds',
  type: 'gauge',
  help: 'Duration of http request by phase, summed over all redirects',
  labels: ['phase'],
};
export const CONTENT_LENGTH: Family = {
  name: 'probe_http_content_length',
  type: 'gauge',
  help: 'Length of http content response',
  labels: [],
};
export const BODY_LENGTH: Family = {
  name: 'probe_http_uncompressed_body_length',
  type: 'gauge',
  help: 'Length of uncompressed response body',
  labels: [],
};
export const REDIRECTS: Family = {
  name: 'probe_http_redirects',
  type: 'gauge',
  help: 'The number of redirects',
  labels: [],
};
export const SSL: Family = {
  name: 'probe_http_ssl',
  type: 'gauge',
  help: 'Indicates if SSL was used for the final redirect',
  labels: [],
};
export const VERSION: Family = {
  name: 'probe_http_version',
  type: 'gauge',
  help: 'Returns the version of HTTP of the probe response',
  labels: [],
};
export const LAST_MODIFIED: Family = {
  name: 'probe_http_last_modified_timestamp_seconds',
  type: 'gauge',
  help: 'Returns the Last-Modified HTTP response header in unixtime',
  labels: [],
};
export const FAILED_DUE_TO_CEL: Family = {
  name: 'probe_failed_due_to_cel',
  type: 'gauge',
  help: 'Indicates if probe failed due to CEL expression not matching',
  labels: [],
};

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
