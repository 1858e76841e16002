import type { Socket } from 'node:net';
import type { Secret } from '../../../domain/secret.ts';
import { connectTo, resolve } from '../../net/dial.ts';
import { fail, ProbeFailure } from '../../net/failure.ts';
import type { IpPreference } from '../../net/ip-settings.ts';
import type { TlsClient } from '../../net/tls/client.ts';
import { portOf, requestTarget, type WebUrl } from '../../net/web-url.ts';
import type { Run } from '../../prober.ts';
import { readBody } from '../body.ts';
import { exchange } from '../http1/exchange.ts';
import { headerValue } from '../http1/head.ts';
import { connectViaProxy, type ProxyConnection } from '../proxy/proxy-connection.ts';
import { proxyAuthorization, proxyFor, type ProxyRules } from '../proxy/proxy.ts';
import { isSocks } from '../proxy/socks.ts';
import { USER_AGENT } from '../headers/user-agent.ts';
import type { TokenAnswer } from './token-answer.ts';

const MAX_ANSWER_BYTES = 65_536;

export interface TokenEndpointSettings {
  readonly url: WebUrl;
  readonly tls: TlsClient;
  /** Undefined: a direct connection. A proxy resolves the endpoint's name. */
  readonly proxy: ProxyRules | undefined;
}

export interface TokenRequest {
  readonly form: URLSearchParams;
  readonly authorization?: Secret;
}

/** A client of the endpoint that issues tokens. Its host is from the configuration: it is never refused. */
export class TokenEndpoint {
  readonly #settings: TokenEndpointSettings;

  constructor(settings: TokenEndpointSettings) {
    this.#settings = settings;
  }

  /**
   * Sends one form over its own connection. Redirects are not followed.
   * @throws ProbeFailure `auth` without an answer
   */
  post(run: Run, ip: IpPreference, request: TokenRequest): Promise<TokenAnswer> {
    return asAuth(async () => {
      const { url, proxy: rules } = this.#settings;
      const proxy = rules === undefined ? undefined : proxyFor(rules, url, undefined);
      const { plain, socket } = await this.#connect(run, ip, proxy);
      try {
        const secure = url.scheme === 'https';
        const absolute = proxy !== undefined && !secure && !isSocks(proxy);
        const own = requestTarget(url);
        return await send(secure ? await this.#secure(run, socket) : socket, request, {
          url,
          path: absolute ? `${url.scheme}://${url.authority}${own}` : own,
          proxyAuthorization: absolute ? proxyAuthorization(proxy) : undefined,
        });
      } finally {
        plain.destroy();
      }
    });
  }

  async #connect(run: Run, ip: IpPreference, proxy: URL | undefined): Promise<ProxyConnection> {
    const { url, tls, proxy: rules } = this.#settings;
    const [host, port] = [url.host, portOf(url)];
    if (proxy !== undefined) {
      const connectHeaders = rules?.connectHeaders ?? [];
      const tunnel = url.scheme === 'https';
      return connectViaProxy(run, { proxy, host, port, tunnel, connectHeaders, tls, ip });
    }
    const endpoint = { host, port, ...ip, configured: true };
    const plain = await connectTo(run, endpoint, await resolve(run, endpoint));
    return { plain, socket: plain };
  }

  async #secure(run: Run, socket: Socket): Promise<Socket> {
    const { url, tls } = this.#settings;
    const handshake = await tls.handshake({ socket, host: url.host, signal: run.signal });
    if (handshake.verdict.status === 'success') return handshake.socket;
    throw new ProbeFailure(handshake.verdict);
  }
}

interface SendOptions {
  readonly url: WebUrl;
  readonly path: string;
  readonly proxyAuthorization: Secret | undefined;
}

async function send(
  socket: Socket,
  { form, authorization }: TokenRequest,
  { url, path, proxyAuthorization: proxy }: SendOptions,
): Promise<TokenAnswer> {
  const text = form.toString();
  const response = await exchange({
    socket,
    method: 'POST',
    path,
    headers: [
      ...['Host', url.authority, 'User-Agent', USER_AGENT, 'Accept', 'application/json'],
      ...['Content-Type', 'application/x-www-form-urlencoded'],
      ...['Content-Length', String(Buffer.byteLength(text)), 'Connection', 'close'],
      ...(authorization === undefined ? [] : ['Authorization', authorization.reveal()]),
      ...(proxy === undefined ? [] : ['Proxy-Authorization', proxy.reveal()]),
    ],
    body: text,
    onFirstByte: () => undefined,
  });
  const body = await readBody(response.body, { keep: MAX_ANSWER_BYTES, limit: MAX_ANSWER_BYTES });
  if (body.problem !== undefined) {
    if (body.problem.verdict.reason === 'body') throw fail('auth', 'The answer is larger than 64 KiB');
    throw body.problem;
  }
  const { status, headers } = response;
  return { status, contentType: headerValue(headers, 'content-type'), text: body.start.toString('utf8') };
}

/** A failure at the token endpoint is not one of the target's connection: it is reported as `auth`. */
async function asAuth<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ProbeFailure) || error.verdict.status === 'unknown') throw error;
    throw fail('auth', `No token could be fetched: ${error.message}`);
  }
}
