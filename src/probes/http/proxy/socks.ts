import { isIP, type Socket } from 'node:net';
import { addressBytes } from '../../../domain/ipv6.ts';
import type { FailureReason } from '../../../domain/result.ts';
import { fail, type ProbeFailure } from '../../net/failure.ts';
import { requireHostText } from '../../net/wire-text.ts';

const VERSION = 5;
const NO_AUTHENTICATION = 0;
const USER_AND_PASSWORD = 2;
/** The version of the user and password negotiation. */
const PASSWORD_VERSION = 1;
const CONNECT = 1;
const IPV4 = 1;
const NAME = 3;
const IPV6 = 4;
/** The longest text whose length fits in one byte. */
const MAX_TEXT_BYTES = 255;

export interface SocksOptions {
  /** Connected to the proxy. */
  readonly socket: Socket;
  readonly proxy: URL;
  /** The target: an address (without brackets), or a name that the proxy resolves. */
  readonly host: string;
  readonly port: number;
}

/** Whether a proxy speaks SOCKS5; `socks5h` is the same: the caller decides whether to send a name or an address. */
export function isSocks(proxy: URL): boolean {
  return proxy.protocol === 'socks5:' || proxy.protocol === 'socks5h:';
}

/**
 * Asks a SOCKS5 proxy to connect to a target; the socket leads there afterwards. Besides no authentication, the user
 * and password of the proxy's URL are offered, as in Go.
 * @throws ProbeFailure by the proxy's answer; `auth` for its credentials, `protocol` when it does not speak SOCKS5
 * @see https://www.rfc-editor.org/rfc/rfc1928 and https://www.rfc-editor.org/rfc/rfc1929
 */
export async function openSocks({ socket, proxy, host, port }: SocksOptions): Promise<void> {
  const target = destination(host, port);
  const user = Buffer.from(decodeURIComponent(proxy.username));
  const password = Buffer.from(decodeURIComponent(proxy.password));
  const named = user.length + password.length > 0;
  const methods = named ? [NO_AUTHENTICATION, USER_AND_PASSWORD] : [NO_AUTHENTICATION];
  socket.write(Buffer.from([VERSION, methods.length, ...methods]));
  const [version, method = -1] = await read(socket, 2);
  if (version !== VERSION) throw fail('protocol', 'The proxy does not speak SOCKS5');
  if (!methods.includes(method)) throw noMethod(method, named);
  if (method === USER_AND_PASSWORD) await authenticate(socket, user, password);
  socket.write(Buffer.from([VERSION, CONNECT, 0, ...target]));
  await readReply(socket);
}

/** The address type, the address and the port, as sent. */
function destination(host: string, port: number): readonly number[] {
  const end = [port >> 8, port & 0xff];
  const family = isIP(host);
  if (family !== 0) return [family === 4 ? IPV4 : IPV6, ...addressBytes(host), ...end];
  requireHostText(host);
  const name = Buffer.from(host);
  if (name.length > MAX_TEXT_BYTES)
    throw fail('dns', `The name is longer than SOCKS5 allows (${MAX_TEXT_BYTES} bytes)`);
  return [NAME, name.length, ...name, ...end];
}

function noMethod(method: number, named: boolean): ProbeFailure {
  if (method !== 0xff)
    return fail('protocol', 'The proxy chose an authentication method that was not offered');
  return fail(
    'auth',
    named
      ? 'The proxy accepts neither user and password nor no authentication'
      : 'The proxy requires credentials, and its URL has none',
  );
}

async function authenticate(socket: Socket, user: Buffer, password: Buffer): Promise<void> {
  if (user.length === 0 || user.length > MAX_TEXT_BYTES || password.length > MAX_TEXT_BYTES)
    throw fail(
      'config',
      `SOCKS5 allows a user of 1 to 255 bytes and a password of at most 255; see proxy_url`,
    );
  socket.write(Buffer.from([PASSWORD_VERSION, user.length, ...user, password.length, ...password]));
  const [version, status] = await read(socket, 2);
  if (version !== PASSWORD_VERSION)
    throw fail('protocol', 'The proxy does not authenticate as RFC 1929 specifies');
  if (status !== 0) throw fail('auth', 'The proxy rejects the user and password of its URL');
}

const REFUSALS: ReadonlyMap<number, readonly [FailureReason, string]> = new Map([
  [1, ['connect', 'The proxy failed to connect to the target']],
  [2, ['connect', "The proxy's rules do not allow connections to the target"]],
  [3, ['connect', 'The proxy has no route to the network of the target']],
  [4, ['connect', 'The proxy has no route to the target']],
  [5, ['connect_refused', 'Connection refused by the target, as the proxy reports']],
  [6, ['connect_timeout', 'The connection of the proxy to the target timed out']],
  [7, ['protocol', 'The proxy does not support the command CONNECT']],
  [8, ['connect', 'The proxy does not support the address type of the target']],
]);

/** What follows the answer is from the target and stays in the socket. */
async function readReply(socket: Socket): Promise<void> {
  const [version, reply = -1, , kind] = await read(socket, 4);
  if (version !== VERSION) throw fail('protocol', 'The answer of the proxy is not SOCKS5');
  if (reply !== 0) {
    const [reason, text] = REFUSALS.get(reply) ?? [
      'protocol',
      `The proxy refuses for an unknown reason (${reply})`,
    ];
    throw fail(reason, text);
  }
  const [length = 0] = kind === NAME ? await read(socket, 1) : [];
  const bytes = kind === IPV4 ? 4 : kind === IPV6 ? 16 : kind === NAME ? length : undefined;
  if (bytes === undefined) throw fail('protocol', 'The proxy answers with an unknown address type');
  await read(socket, bytes + 2);
}

/**
 * Reads exactly this many bytes, however they are split into segments, from a socket without other readers.
 * @throws ProbeFailure `protocol` when the connection ends first
 */
function read(socket: Socket, count: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      socket.removeListener('readable', look);
      socket.removeListener('end', closed);
      socket.removeListener('close', closed);
    };
    const closed = (): void => {
      stop();
      reject(fail('protocol', 'The proxy closed the connection before it answered'));
    };
    const look = (): void => {
      const bytes: unknown = socket.read(count);
      if (!Buffer.isBuffer(bytes)) return;
      if (bytes.length < count) {
        closed();
        return;
      }
      stop();
      resolve(bytes);
    };
    if (socket.destroyed) {
      closed();
      return;
    }
    socket.on('readable', look);
    socket.once('end', closed);
    socket.once('close', closed);
    look();
  });
}
