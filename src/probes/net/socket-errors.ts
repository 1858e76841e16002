import { errorCode, errorText } from './error-fields.ts';
import type { ProbeFailure } from './failure.ts';
import { agentFault, fail } from './failure.ts';

/** Where a connection was to go, for verdict texts. */
export interface Destination {
  /** The name as configured. */
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly localAddress?: string | undefined;
}

const AGENT_LIMITS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EAGAIN']);
const UNREACHABLE: Readonly<Record<string, string>> = {
  ENETUNREACH: 'No route to the network of',
  EHOSTUNREACH: 'No route to',
  EACCES: "This host's firewall does not allow connections to",
  EPERM: "This host's firewall does not allow connections to",
};

/** The failure for an error of connecting. */
export function connectFailure(error: unknown, to: Destination): ProbeFailure {
  const code = errorCode(error);
  const where = describeDestination(to);
  if (code === 'ECONNREFUSED') return fail('connect_refused', `Connection refused by ${where}`);
  if (code === 'ETIMEDOUT')
    return fail('connect_timeout', `The connection to ${where} timed out in the network`);
  if (code === 'EADDRNOTAVAIL') return addressNotAvailable(to, where);
  if (AGENT_LIMITS.has(code))
    return agentFault('agent_limit', `This host has no resources left to connect to ${where} (${code})`);
  const known = UNREACHABLE[code];
  return fail(
    'connect',
    known === undefined ? `Cannot connect to ${where} (${code || 'unknown error'})` : `${known} ${where}`,
  );
}

function addressNotAvailable(to: Destination, where: string): ProbeFailure {
  if (to.localAddress !== undefined) {
    return fail('config', `source_ip_address ${to.localAddress} is not an address of this host`);
  }
  if (to.address.includes(':')) {
    return fail(
      'connect',
      `This host has no IPv6 address to reach ${where} from; preferred_ip_protocol: ip4 avoids IPv6`,
    );
  }
  return agentFault('agent_limit', `This host has no free local port to connect to ${where} from`);
}

const UNIX_TEXT: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  ENOTSOCK: 'it is not a socket',
  EACCES: 'permission denied; let the user that runs Tocsin write to it',
  EPERM: 'permission denied; let the user that runs Tocsin write to it',
  EPROTOTYPE: 'it is a datagram socket, and the prober needs a stream socket',
  EINVAL: 'the path is too long for a socket',
  ENAMETOOLONG: 'the path is too long for a socket',
};

/** The failure for an error of connecting to a UNIX domain socket. */
export function unixFailure(error: unknown, path: string): ProbeFailure {
  const code = errorCode(error);
  if (code === 'ECONNREFUSED')
    return fail('connect_refused', `No process listens on the socket ${path}, or its queue is full`);
  // here EAGAIN means that the listener's queue is full, not that this host lacks resources
  if (AGENT_LIMITS.has(code) && code !== 'EAGAIN')
    return agentFault('agent_limit', `This host has no resources left to connect to ${path} (${code})`);
  if (code === 'EAGAIN') return fail('connect_refused', `The queue of the socket ${path} is full`);
  return fail('connect', `Cannot connect to ${path}: ${UNIX_TEXT[code] ?? (code || 'unknown error')}`);
}

/** The failure for an established connection that broke. */
export function brokenConnection(error: unknown, doing: string): ProbeFailure {
  const code = errorCode(error);
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') return tlsFailure(error);
  const how =
    code === 'ECONNRESET'
      ? 'was reset or closed'
      : code === 'ETIMEDOUT'
        ? 'timed out in the network'
        : 'broke';
  return fail('protocol', `The connection ${how} ${doing}`);
}

const TLS_TEXT: Readonly<Record<string, string>> = {
  ECONNRESET: 'the server closed the connection',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the server does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'the server does not speak TLS',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'no common TLS version',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'no common TLS version',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    'the server requires a client certificate (cert_file and key_file)',
};

/** The failure for an error of a TLS handshake, or a later TLS alert. */
export function tlsFailure(error: unknown): ProbeFailure {
  const code = errorCode(error);
  const reason = errorText(error, 'reason') || code;
  return fail('tls', `TLS handshake failed: ${TLS_TEXT[code] ?? (reason || 'unknown error')}`);
}

function describeDestination({ host, address, port }: Destination): string {
  const shown = address.includes(':') ? `[${address}]` : address;
  return host === address ? `${shown}:${port}` : `${host}:${port} (${shown})`;
}
