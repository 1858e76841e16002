import { Pool } from 'undici';
import type { HttpSinkConfig } from '../../config/sections/sinks.ts';
import type { CloudEvent } from '../../domain/event.ts';
import type { DeliveryAttempt, SinkFailure, Sink } from './sink.ts';

export type HttpSinkOptions = Omit<HttpSinkConfig, 'type'>;

/** Status codes that blame the event, and not the address, the token or the receiver. */
const PERMANENT_FAILURES: ReadonlySet<number> = new Set([400, 409, 413, 422]);
const MAX_REASON_LENGTH = 200;
const READ_BYTES = 16_384;

/**
 * Posts the first event as a CloudEvent in structured mode: one request per event, one after the other, to preserve
 * their order.
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#32-structured-content-mode
 */
export class HttpSink implements Sink {
  readonly #pool: Pool;
  readonly #options: HttpSinkOptions;
  readonly #path: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(options: HttpSinkOptions) {
    const { origin, pathname, search } = new URL(options.url);
    this.#options = options;
    this.#path = pathname + search;
    this.#headers = {
      'content-type': 'application/cloudevents+json; charset=utf-8',
      ...(options.authorization && { authorization: options.authorization.reveal() }),
    };
    this.#pool = new Pool(origin, {
      connections: 1,
      connect: { timeout: options.timeoutMs, ...options.tls },
    });
  }

  async deliver(events: readonly CloudEvent[], signal: AbortSignal): Promise<DeliveryAttempt> {
    const [event] = events;
    if (event === undefined) return { accepted: 0 };
    const failure = await this.#post(event, signal);
    return failure === undefined ? { accepted: 1 } : { accepted: 0, failure };
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #post(event: CloudEvent, signal: AbortSignal): Promise<SinkFailure | undefined> {
    const limit = AbortSignal.timeout(this.#options.timeoutMs);
    try {
      const { statusCode, headers, body } = await this.#pool.request({
        method: 'POST',
        path: this.#path,
        headers: this.#headers,
        body: event.json,
        signal: AbortSignal.any([signal, limit]),
      });
      const text = await readStart(body);
      if (statusCode >= 200 && statusCode < 300) return undefined;
      const wait = retryAfterMs(headers['retry-after']);
      return {
        reason: `HTTP ${statusCode}${text === '' ? '' : `: ${text}`}`,
        permanent: PERMANENT_FAILURES.has(statusCode),
        ...(wait !== undefined && { retryAfterMs: wait }),
      };
    } catch (error) {
      if (limit.aborted) return { reason: `no answer within ${this.#options.timeoutMs / 1_000} s` };
      return { reason: error instanceof Error ? error.message : String(error) };
    }
  }
}

/**
 * The beginning of an answer, for error messages; a short answer is read completely, so that its connection can be
 * reused.
 */
async function readStart(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.byteLength;
    if (bytes > READ_BYTES) break;
  }
  return Buffer.concat(chunks).toString('utf8').replace(/\s+/g, ' ').trim().slice(0, MAX_REASON_LENGTH);
}

/** Seconds, or an HTTP date. */
function retryAfterMs(given: string | readonly string[] | undefined): number | undefined {
  if (typeof given !== 'string') return undefined;
  const ms = /^\d+$/.test(given) ? Number(given) * 1_000 : Date.parse(given) - Date.now();
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}
