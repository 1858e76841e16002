import { isIP } from 'node:net';
import { Redis } from 'ioredis';
import type { RedisSinkConfig } from '../../config/sections/sinks.ts';
import { onAbort } from '../../domain/cancellation.ts';
import type { Clock } from '../../domain/clock.ts';
import type { CloudEvent } from '../../domain/event.ts';
import type { DeliveryAttempt, Sink } from './sink.ts';

export interface RedisSinkOptions extends Omit<RedisSinkConfig, 'type'> {
  readonly clock: Clock;
}

/**
 * Appends events to a Redis stream, each batch in one transaction: all of it or nothing, in order. If the answer to a
 * transaction is lost, its outcome is unknown; the batch is sent again then, and its entries may be in the stream
 * twice.
 */
export class RedisSink implements Sink {
  readonly #options: RedisSinkOptions;
  #client: Redis | undefined;

  constructor(options: RedisSinkOptions) {
    this.#options = options;
  }

  async deliver(events: readonly CloudEvent[], signal: AbortSignal): Promise<DeliveryAttempt> {
    const { timeoutMs, clock } = this.#options;
    const late = new AbortController();
    const cancel = clock.after(timeoutMs, () => {
      late.abort();
      this.#disconnect();
    });
    const release = onAbort(signal, () => this.#disconnect());
    try {
      this.#client ??= await this.#connect();
      await this.#append(this.#client, events);
      return { accepted: events.length };
    } catch (error) {
      this.#disconnect();
      const reason = error instanceof Error ? error.message : String(error);
      return {
        accepted: 0,
        failure: { reason: late.signal.aborted ? `no answer within ${timeoutMs / 1_000} s` : reason },
      };
    } finally {
      cancel();
      release();
    }
  }

  close(): Promise<void> {
    this.#disconnect();
    return Promise.resolve();
  }

  #disconnect(): void {
    this.#client?.disconnect();
    this.#client = undefined;
  }

  /** A single attempt: retrying is not up to the client. */
  async #connect(): Promise<Redis> {
    const { host, port, tls, timeoutMs } = this.#options;
    const client = new Redis({
      host,
      port,
      ...(tls && { tls: { ...(isIP(host) === 0 && { servername: host }), ...tls } }),
      lazyConnect: true,
      connectTimeout: timeoutMs,
      connectionName: 'tocsin',
      disableClientInfo: true,
      enableReadyCheck: false,
      enableOfflineQueue: false,
      protocol: 2,
      retryStrategy: null,
      maxRetriesPerRequest: 0,
    });
    let fault: Error | undefined;
    client.on('error', (error: Error) => {
      fault ??= error;
    });
    // assigned now, so that a deadline during the login ends it
    this.#client = client;
    try {
      await client.connect();
      await this.#logIn(client);
    } catch (error) {
      throw fault ?? error;
    }
    return client;
  }

  /** Used instead of ioredis's own login, which prints some errors to the console instead of returning them. */
  async #logIn(client: Redis): Promise<void> {
    const { username, password, db } = this.#options;
    if (password !== undefined) {
      const credentials = [...(username === undefined ? [] : [username]), password.reveal()];
      await client.call('AUTH', ...credentials).catch((error: unknown) => {
        throw new Error(`authentication failed (${codeOf(error)})`);
      });
    }
    if (db !== 0) await client.select(db);
  }

  async #append(client: Redis, events: readonly CloudEvent[]): Promise<void> {
    const { stream, maxLength } = this.#options;
    const transaction = client.multi();
    for (const event of events) {
      transaction.xadd(stream, 'MAXLEN', '~', maxLength, '*', ...entryOf(event));
    }
    const results = await transaction.exec();
    const failed = results?.find(([error]) => error !== null)?.[0];
    if (results === null || failed) throw failed ?? new Error('the transaction was discarded');
  }
}

/** The fields of an entry: those that readers select by, and the whole event. */
function entryOf(event: CloudEvent): string[] {
  const { id, type, subject, time, json } = event;
  const about = subject === undefined ? [] : ['subject', subject];
  return ['id', id, 'type', type, ...about, 'time', time, 'event', json];
}

/** Only the error code of the answer is shown: an error about AUTH may quote its arguments. */
function codeOf(error: unknown): string {
  return /^[A-Z]{2,20}(?= |$)/.exec(error instanceof Error ? error.message : '')?.[0] ?? 'ERR';
}
