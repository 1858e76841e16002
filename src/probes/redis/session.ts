import type * as Driver from 'ioredis';
import type { Redis as Client } from 'ioredis';
import type { Socket } from 'node:net';
import { fail, ProbeFailure } from '../net/failure.ts';
import { errorCode, errorText } from '../net/error-fields.ts';
import { brokenConnection } from '../net/socket-errors.ts';

export interface Login {
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly db: number | undefined;
}

/** An answer of INFO has some kilobytes; with statistics of each command, some hundred. */
const MAX_ANSWER_BYTES = 1_048_576;

/** The Redis client, loaded when a service first needs it: that takes a tenth of Tocsin's start. */
export type RedisDriver = Pick<typeof Driver, 'AbstractConnector' | 'Redis'>;

export function loadRedisDriver(): Promise<RedisDriver> {
  return import('ioredis');
}

/**
 * Speaks Redis over a connected socket: logs in, pings, and returns the text of INFO. One attempt, no retries. The
 * caller owns the socket; destroying it ends a session that hangs.
 * @throws ProbeFailure `auth`, `reply` or `protocol`
 */
export async function readInfo(driver: RedisDriver, socket: Socket, login: Login): Promise<string> {
  const redis = clientOver(driver, socket);
  let fault: Error | undefined;
  redis.on('error', (error: Error) => {
    fault ??= error;
  });
  let refused: ProbeFailure | undefined;
  try {
    await redis.connect();
    // not earlier: a listener before the client's would take the first bytes that a server sends
    guardAnswers(socket, (failure) => {
      refused = failure;
    });
    await logIn(redis, login);
    const [pong, info] = await Promise.all([redis.call('PING'), redis.call('INFO')].map(answered));
    if (pong !== 'PONG' || typeof info !== 'string')
      throw fail('protocol', 'The server does not answer PING or INFO as Redis does');
    return info;
  } catch (error) {
    throw refused ?? (error instanceof ProbeFailure ? error : sessionFailure(fault ?? error));
  } finally {
    redis.disconnect();
  }
}

/**
 * Ends a connection that sends more than an answer has, or an array, which is not an answer to any command used here:
 * the client allocates as many elements as an array announces, so that few bytes would use up the memory.
 */
function guardAnswers(socket: Socket, refuse: (failure: ProbeFailure) => void): void {
  let lineStart = true;
  socket.prependListener('data', (bytes: Buffer) => {
    const array = (lineStart && bytes[0] === ASTERISK) || bytes.includes('\n*');
    lineStart = bytes.at(-1) === LINE_FEED;
    if (!array && socket.bytesRead <= MAX_ANSWER_BYTES) return;
    refuse(
      array
        ? fail('protocol', 'The server answers with an array, which no command of the probe returns')
        : fail(
            'protocol',
            `The server sends more than ${MAX_ANSWER_BYTES} bytes, which is too large for an answer of Redis`,
          ),
    );
    // the client gets the same buffer, whatever happens to the socket
    bytes.fill(0);
    socket.destroy();
  });
}

const ASTERISK = 0x2a;
const LINE_FEED = 0x0a;

/** ioredis over Tocsin's own connection: dialling, TLS, deadline and login are done here, the protocol by ioredis. */
function clientOver({ AbstractConnector, Redis }: RedisDriver, socket: Socket): Client {
  class OwnSocket extends AbstractConnector {
    constructor() {
      super(0);
    }

    override connect(): Promise<Socket> {
      this.connecting = true;
      this.stream = socket;
      return Promise.resolve(socket);
    }
  }
  return new Redis({
    Connector: OwnSocket,
    lazyConnect: true,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    disableClientInfo: true,
    protocol: 2,
    retryStrategy: null,
    reconnectOnError: null,
    maxRetriesPerRequest: 0,
  });
}

/** ioredis could log in itself, but prints some refusals to the console instead of reporting them. */
async function logIn(redis: Client, { username, password, db }: Login): Promise<void> {
  if (password !== undefined) {
    const credentials = username === undefined ? [password] : [username, password];
    await redis.call('AUTH', ...credentials).catch((error: unknown) => {
      throw loginFailure(error);
    });
  }
  if (db !== undefined && db !== 0) await answered(redis.call('SELECT', String(db)));
}

/** Only the code of the answer is shown: an error about AUTH may quote its arguments. */
function loginFailure(error: unknown): unknown {
  const reply = replyText(error);
  if (reply === undefined) return error;
  if (/no password is set|without any password configured/.test(reply)) {
    return fail('auth', 'A password is configured, but the server has none set');
  }
  return fail('auth', `The server refuses the password (${replyCode(reply)})`);
}

/** Distinguishes a refusal from a broken connection as soon as it arrives. */
function answered(call: Promise<unknown>): Promise<unknown> {
  return call.catch((error: unknown) => {
    throw replyFailure(error);
  });
}

function replyFailure(error: unknown): unknown {
  const reply = replyText(error);
  if (reply === undefined) return error;
  const code = replyCode(reply);
  if (code === 'NOAUTH') return fail('auth', 'The server requires a password (NOAUTH)');
  if (code === 'NOPERM') return fail('auth', 'The user may not call PING or INFO (NOPERM)');
  if (code === 'DENIED')
    return fail('auth', 'The server is in protected mode and denies connections from other hosts (DENIED)');
  return fail('reply', `The server answers with an error: ${reply.slice(0, 120)}`);
}

function replyText(error: unknown): string | undefined {
  return errorText(error, 'name') === 'ReplyError' ? errorText(error, 'message') : undefined;
}

function replyCode(reply: string): string {
  return /^[A-Z]{2,20}(?= |$)/.exec(reply)?.[0] ?? 'ERR';
}

const CLOSED = /connection is closed|connection close|isn't writeable/i;

function sessionFailure(error: unknown): ProbeFailure {
  if (CLOSED.test(errorText(error, 'message'))) {
    return fail('protocol', 'The connection was closed before the server answered');
  }
  if (errorCode(error) !== '') return brokenConnection(error, 'before the server answered');
  return fail('protocol', 'The server does not speak the Redis protocol');
}
