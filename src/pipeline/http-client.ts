import { Agent, request } from 'undici';
import type { Secret } from '../domain/secret.ts';
import type { TlsOptions } from '../domain/tls.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly body: Uint8Array;
  /** Its own time, from the header `Date`, milliseconds since the epoch; undefined where it gives none. */
  readonly date: number | undefined;
}

export interface HttpQuestion {
  readonly url: string;
  /** A ready `Authorization` header. */
  readonly authorization?: Secret | undefined;
  readonly tls?: TlsOptions | undefined;
  readonly maxBytes: number;
}

const TIMEOUT_MS = 10_000;

/** Asks other servers, each question with one deadline. Follows no redirect. */
export class HttpClient {
  readonly #agents = new Set<Agent>();

  /** @throws Error which says why there is no whole answer; it never holds the URL, which may be a secret */
  async get({ url, authorization, tls, maxBytes }: HttpQuestion): Promise<HttpAnswer> {
    // questions are a minute apart: there is no connection to keep
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
        if (bytes > maxBytes) throw new AnswerError(`the answer has more than ${maxBytes} bytes`);
        chunks.push(chunk);
      }
      return { status, body: Buffer.concat(chunks), date: dateOf(headers['date']) };
    } catch (error) {
      throw new Error(whyNot(error), { cause: error });
    } finally {
      this.#agents.delete(agent);
      await agent.destroy();
    }
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    await Promise.all([...this.#agents].map((agent) => agent.destroy()));
  }
}

function dateOf(header: string | string[] | undefined): number | undefined {
  const date = typeof header === 'string' ? Date.parse(header) : Number.NaN;
  return Number.isNaN(date) ? undefined : date;
}

class AnswerError extends Error {
  override readonly name = 'AnswerError';
}

/** In words that do not tell the URL. */
function whyNot(error: unknown): string {
  if (error instanceof AnswerError) return error.message;
  const { name, code } = error as NodeJS.ErrnoException;
  if (name === 'TimeoutError') return `no whole answer within ${TIMEOUT_MS / 1_000} s`;
  return `no answer: ${code ?? name}`;
}
