import { Agent, request } from 'undici';
import type { EpochMs } from '../domain/clock.ts';
import type { Secret } from '../domain/secret.ts';
import type { TlsOptions } from '../domain/tls.ts';

export interface HttpResponse {
  readonly status: number;
  readonly body: Uint8Array;
  /** The server's own time, from the `Date` header; undefined without one. */
  readonly date: EpochMs | undefined;
}

export interface HttpRequest {
  readonly url: string;
  /** Complete value of the `Authorization` header. */
  readonly authorization?: Secret | undefined;
  readonly tls?: TlsOptions | undefined;
  readonly maxBytes: number;
}

const TIMEOUT_MS = 10_000;

/** Sends single GET requests, each with one deadline. Does not follow redirects. */
export class HttpClient {
  readonly #agents = new Set<Agent>();

  /** @throws Error with the reason for an incomplete answer; never contains the URL, which may be a secret */
  async get({ url, authorization, tls, maxBytes }: HttpRequest): Promise<HttpResponse> {
    // requests are a minute apart: keep-alive would be of no use
    const agent = new Agent({ connect: { timeout: TIMEOUT_MS, ...tls } });
    this.#agents.add(agent);
    try {
      const {
        statusCode: status,
        headers,
        body,
      } = await request(url, {
        dispatcher: agent,
        headers: {
          'user-agent': 'Tocsin',
          ...(authorization && { authorization: authorization.reveal() }),
        },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      for await (const chunk of body as AsyncIterable<Uint8Array>) {
        bytes += chunk.byteLength;
        if (bytes > maxBytes) throw new ResponseError(`the answer has more than ${maxBytes} bytes`);
        chunks.push(chunk);
      }
      return { status, body: Buffer.concat(chunks), date: dateOf(headers['date']) };
    } catch (error) {
      throw new Error(describeFailure(error), { cause: error });
    } finally {
      this.#agents.delete(agent);
      await agent.destroy();
    }
  }

  /** Aborts requests in progress. */
  async close(): Promise<void> {
    await Promise.all([...this.#agents].map((agent) => agent.destroy()));
  }
}

function dateOf(header: string | string[] | undefined): number | undefined {
  const date = typeof header === 'string' ? Date.parse(header) : Number.NaN;
  return Number.isNaN(date) ? undefined : date;
}

class ResponseError extends Error {
  override readonly name = 'AnswerError';
}

/** A description that does not contain the URL. */
function describeFailure(error: unknown): string {
  if (error instanceof ResponseError) return error.message;
  const { name, code } = error as NodeJS.ErrnoException;
  if (name === 'TimeoutError') return `no complete answer within ${TIMEOUT_MS / 1_000} s`;
  return `no answer: ${code ?? name}`;
}
