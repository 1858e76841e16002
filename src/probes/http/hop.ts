import type { Socket } from 'node:net';
import type { Secret } from '../../domain/secret.ts';
import type { Sample } from '../../metrics/family.ts';
import { cipherSample } from '../net/tls/certificates.ts';
import { connectTo, resolve } from '../net/dial.ts';
import { ProbeFailure } from '../net/failure.ts';
import type { PhaseTimer } from '../net/phases.ts';
import type { Address } from '../net/resolver.ts';
import { portOf, requestTarget, type WebUrl } from '../net/web-url.ts';
import type { Run } from '../prober.ts';
import type { Body } from './body.ts';
import type { CookieJar } from './headers/cookies.ts';
import { exchangeHttp2, RequestRefused } from './exchange-h2.ts';
import { exchange } from './http1/exchange.ts';
import { headerValues } from './http1/head.ts';
import { proxyAuthorization, proxyFor } from './proxy/proxy.ts';
import { connectViaProxy } from './proxy/proxy-connection.ts';
import { requestHeaders, type HopRequest } from './request.ts';
import type { HttpResponse } from './response.ts';
import type { HttpSettings } from './settings.ts';
import { isSocks } from './proxy/socks.ts';
import { shownUrl } from './target.ts';

/** The progress of a run, so that a failure can report it, too. */
export interface Progress {
  /** The redirects so far. */
  redirects: number;
  /** Of the current request. */
  tlsSamples: readonly Sample[];
  response: HttpResponse | undefined;
  body: Body | undefined;
  ssl: boolean;
  failedDueTo: 'regex' | 'cel' | undefined;
}

export interface HopContext {
  readonly settings: HttpSettings;
  readonly run: Run;
  readonly timer: PhaseTimer;
  readonly progress: Progress;
  readonly cookies: CookieJar;
}

/** The connection to a target: direct, or through a proxy. */
interface Route {
  readonly plain: Socket;
  /** Undefined: the proxy resolves the name. */
  readonly address: Address | undefined;
  readonly proxy: URL | undefined;
  /** The socket for the request: `plain`, or TLS to the proxy over it. */
  readonly socket: Socket;
}

/**
 * Makes one request over its own connection, and passes the answer's head to `conclude`. A request that the server
 * refused before processing it is made once more, over another connection.
 * @throws ProbeFailure
 */
export async function hop<T>(
  request: HopRequest,
  context: HopContext,
  onResponse: (response: HttpResponse) => Promise<T>,
): Promise<T> {
  try {
    return await attempt(request, context, onResponse);
  } catch (error) {
    if (!(error instanceof RequestRefused) || context.run.signal.aborted) throw error;
    context.run.log('request refused before it was processed; repeating it once', {
      url: shownUrl(request.url),
    });
    return attempt(request, context, onResponse);
  }
}

async function attempt<T>(
  request: HopRequest,
  context: HopContext,
  onResponse: (response: HttpResponse) => Promise<T>,
): Promise<T> {
  const { settings, run, timer, progress, cookies } = context;
  Object.assign(progress, { response: undefined, tlsSamples: [], ssl: false });
  const { address, proxy } = await chooseRoute(request, context);
  const authorization = await token(request, context);
  const route = await connectRoute(request, context, { address, proxy });
  let { socket } = route;
  try {
    progress.ssl = request.url.scheme === 'https';
    if (progress.ssl) socket = await secure(route.socket, request, context);
    run.signal.throwIfAborted();
    timer.enter('processing');
    run.log('request', { method: request.method, url: shownUrl(request.url) });
    const absolute = proxy !== undefined && !progress.ssl && !isSocks(proxy);
    const headers = requestHeaders(request, settings, {
      authorization,
      proxyAuthorization: absolute ? proxyAuthorization(proxy) : undefined,
      cookies: cookies.header(request.url),
    });
    const response = await send(socket, {
      method: request.method,
      path: absolute ? absoluteForm(request.url, headers) : requestTarget(request.url),
      headers,
      body: request.body,
      onFirstByte: () => timer.enter('transfer'),
      authority: request.url.authority,
    });
    progress.response = response;
    cookies.take(request.url, headerValues(response.headers, 'set-cookie'));
    run.log('answer', { status: response.status, httpVersion: response.version });
    return await onResponse(response);
  } finally {
    // after an answer that was read to its end, TLS sends close_notify
    const complete = progress.body !== undefined && progress.body.problem === undefined;
    if (complete && socket !== route.plain) socket.destroySoon();
    else route.plain.destroy();
  }
}

type SendOptions = Omit<Parameters<typeof exchangeHttp2>[0], 'socket'>;

function send(socket: Socket, options: SendOptions): Promise<HttpResponse> {
  const http2 = 'alpnProtocol' in socket && socket.alpnProtocol === 'h2';
  return http2 ? exchangeHttp2({ ...options, socket }) : exchange({ ...options, socket });
}

/** Resolves the target's name, and chooses the proxy for the request. */
async function chooseRoute(
  request: HopRequest,
  { settings, run, timer }: HopContext,
): Promise<Pick<Route, 'address' | 'proxy'>> {
  const { proxy: rules, ip } = settings;
  const { url } = request;
  const leftToProxy = rules?.resolvesTarget === true && proxyFor(rules, url, undefined) !== undefined;
  if (!leftToProxy) timer.enter('resolve');
  const endpoint = { host: url.host, port: portOf(url), ...ip };
  if (leftToProxy) run.permit?.(endpoint.host, endpoint.port);
  const address = leftToProxy ? undefined : await resolve(run, endpoint);
  return { address, proxy: rules === undefined ? undefined : proxyFor(rules, url, address?.address) };
}

/** The access token for the target itself; fetching it is not part of the run's phases. */
async function token(
  { ownHost }: HopRequest,
  { settings, run, timer }: HopContext,
): Promise<Secret | undefined> {
  if (settings.tokens === undefined || !ownHost) return undefined;
  timer.pause();
  return settings.tokens.authorization(run, settings.ip);
}

async function connectRoute(
  { url }: HopRequest,
  { settings, run, timer }: HopContext,
  { address, proxy }: Pick<Route, 'address' | 'proxy'>,
): Promise<Route> {
  const { ip, proxy: rules, tls } = settings;
  const [host, port] = [url.host, portOf(url)];
  timer.enter('connect');
  if (proxy === undefined || rules === undefined) {
    const endpoint = { host, port, ...ip };
    const plain = await connectTo(run, endpoint, address ?? (await resolve(run, endpoint)));
    return { plain, socket: plain, address, proxy };
  }
  const tunnel = url.scheme === 'https';
  const { connectHeaders } = rules;
  const way = { proxy, host: address?.address ?? host, port, tunnel, connectHeaders, tls, ip };
  return { ...(await connectViaProxy(run, way)), address, proxy };
}

/**
 * The request target sent to an HTTP proxy, with the target's virtual host name: the proxy has to pass it on as its
 * `Host`.
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2
 */
function absoluteForm(url: WebUrl, headers: readonly string[]): string {
  const given =
    headers[headers.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'host') + 1] ?? '';
  const host = /^[\w.~:[\]-]+$/.test(given) ? given : url.authority;
  return `${url.scheme}://${host}${requestTarget(url)}`;
}

/** Starts TLS; a rejected certificate ends the run before anything is sent. */
async function secure(
  socket: Socket,
  request: HopRequest,
  { settings, run, timer, progress }: HopContext,
): Promise<Socket> {
  timer.enter('tls');
  const handshake = await settings.tls.handshake({
    socket,
    host: request.url.host,
    signal: run.signal,
    alpn: settings.http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
    ownHost: request.ownHost,
    onChain: run.onChain,
  });
  progress.tlsSamples = [...handshake.samples, cipherSample(handshake.socket)];
  if (handshake.verdict.status !== 'success') throw new ProbeFailure(handshake.verdict);
  return handshake.socket;
}
