import type { FailureReason } from '../../domain/result.ts';

/** gRPC's status codes. @see https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
const NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

export const OK = 0;
const CANCELLED = 1;
export const UNKNOWN = 2;
export const DEADLINE_EXCEEDED = 4;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const UNIMPLEMENTED = 12;
export const INTERNAL = 13;
export const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;

export function statusName(code: number): string {
  return NAMES[code] ?? `code ${code}`;
}

/**
 * The code for an answer that is HTTP and not gRPC.
 * @see https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
 */
export function codeOfHttp(status: number): number {
  const codes: Readonly<Record<number, number>> = {
    400: INTERNAL,
    401: UNAUTHENTICATED,
    403: PERMISSION_DENIED,
    404: UNIMPLEMENTED,
    429: UNAVAILABLE,
    502: UNAVAILABLE,
    503: UNAVAILABLE,
    504: UNAVAILABLE,
  };
  return codes[status] ?? UNKNOWN;
}

/** The code for a stream that the server reset (RFC 9113, 7), as in grpc-go. */
export function codeOfReset(error: number): number {
  const codes: Readonly<Record<number, number>> = {
    3: RESOURCE_EXHAUSTED,
    7: UNAVAILABLE,
    8: CANCELLED,
    11: RESOURCE_EXHAUSTED,
    12: PERMISSION_DENIED,
  };
  return codes[error] ?? INTERNAL;
}

/** Why a check with this code failed. */
export function reasonOf(code: number): FailureReason {
  return code === UNAUTHENTICATED || code === PERMISSION_DENIED ? 'auth' : 'status';
}
