import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Scope, ServerConfig } from '../../config/types.ts';
import { isLoopback } from '../../domain/network.ts';
import { guardBy, type GuardHandler } from '../guard.ts';
import type { IdentifiedClient } from '../concurrency-limiter.ts';
import { sendProblem } from '../problem.ts';
import { crossOrigin, refuseCrossOrigin, refuseCrossOriginRequests } from './cross-origin.ts';
import { clientAddress } from './client-address.ts';
import { matchesAnyToken, requestToken } from './tokens.ts';

type AccessConfig = Pick<ServerConfig, 'listen' | 'tokens'>;
type ReadScope = Extract<Scope, 'read' | 'metrics'>;

/**
 * Guards read access. Open unless a configured token lists the scope; then one of those tokens is required.
 * @param config read for each request, so that a reload applies
 */
export function guardRead(scope: ReadScope, config: () => AccessConfig): GuardHandler {
  return guardBy(scope, (request: Request, response: Response, next: NextFunction) => {
    const tokens = withScope(config(), scope);
    if (tokens.length === 0 || matchesAnyToken(requestToken(request), tokens)) {
      next();
      return;
    }
    // a client without access needs no connection
    response.set('Connection', 'close');
    unauthorized(response, `a token with the scope "${scope}"`);
  });
}

/**
 * Guards read access, where no tokens are configured at all, against web pages that reach a loopback listener through
 * DNS rebinding: the browser takes the listener for the page's own server, but sends that server's name as `Host`.
 * @see https://en.wikipedia.org/wiki/DNS_rebinding
 */
export function guardHost(config: () => AccessConfig): RequestHandler {
  return (request: Request, response: Response, next: NextFunction) => {
    const { tokens, listen } = config();
    const host = request.headers.host ?? '';
    if (tokens.length > 0 || !isLoopback(listen.host) || isLoopback(hostName(host))) {
      next();
      return;
    }
    sendProblem(response, {
      status: 403,
      title: 'Forbidden',
      detail:
        `The Host "${host}" is not this machine's loopback; expected localhost, 127.0.0.1 or [::1], with or without a port. ` +
        'Without tokens, a web page could use this path by DNS rebinding. Use such a Host, let the proxy set it, or configure server.tokens.',
    });
  };
}

/**
 * Guards `/probe`, a GET that makes Tocsin send what a module says: as read access, and in addition refuses web pages
 * of other origins, and pages that reach a loopback listener through DNS rebinding where no token is needed.
 */
export function guardProbe(config: () => AccessConfig): GuardHandler {
  const tokenNeeded = () => withScope(config(), 'metrics').length > 0;
  const host = guardHost(() => ({ ...config(), tokens: tokenNeeded() ? config().tokens : [] }));
  return guardBy('metrics', refuseCrossOriginRequests, host, guardRead('metrics', config));
}

/** Guards a page that people open in a browser, which prompts them for the token as a password. */
export function guardPage(config: () => AccessConfig): GuardHandler {
  return guardBy('read', (request: Request, response: Response, next: NextFunction) => {
    const tokens = withScope(config(), 'read');
    if (tokens.length === 0 || matchesAnyToken(requestToken(request), tokens)) {
      next();
      return;
    }
    unauthorized(response, 'a token with the scope "read"', 'Basic realm="tocsin", charset="UTF-8"');
  });
}

/**
 * Guards changes: requires a token with the scope, or, where no tokens are configured at all, a loopback listener and a
 * loopback `Host` (a web page that uses DNS rebinding sends another name). Pages of other origins are refused in any
 * case.
 */
export function guardChange(
  scope: Exclude<Scope, 'read' | 'metrics'>,
  config: () => AccessConfig,
): GuardHandler {
  return guardBy(scope, (request: Request, response: Response, next: NextFunction) => {
    const { tokens, listen } = config();
    if (crossOrigin(request)) {
      refuseCrossOrigin(response);
      return;
    }
    if (tokens.length > 0) {
      if (matchesAnyToken(requestToken(request), withScope({ tokens }, scope))) next();
      else unauthorized(response, `a token with the scope "${scope}"`);
      return;
    }
    if (isLoopback(listen.host) && fromLoopback(request)) next();
    else forbidden(response, scope);
  });
}

/** The sender of a request, for the limits on requests in flight. */
export function identifyClient(
  config: () => Pick<ServerConfig, 'tokens' | 'trustedProxies'>,
): (request: Request) => IdentifiedClient {
  return (request) => ({
    address: clientAddress(request, config().trustedProxies),
    authenticated: presentsToken(request, config()),
  });
}

/** Whether a request presents one of the configured tokens, whatever its scopes. */
export function presentsToken(request: Request, { tokens }: Pick<AccessConfig, 'tokens'>): boolean {
  if (request.headers.authorization === undefined || tokens.length === 0) return false;
  return matchesAnyToken(
    requestToken(request),
    tokens.map((one) => one.token),
  );
}

/** Whether a request comes from this machine and has a loopback name as `Host`. */
export function fromLoopback(request: Request): boolean {
  const host = hostName(request.headers.host ?? '');
  return isLoopback(request.socket.remoteAddress ?? '') && isLoopback(host);
}

/** Answers 401; `needed` says which credentials are accepted. */
export function unauthorized(response: Response, needed: string, challenge = 'Bearer realm="tocsin"'): void {
  response.set('WWW-Authenticate', challenge);
  sendProblem(response, {
    status: 401,
    title: 'Unauthorized',
    detail: `The request needs ${needed}, as "Authorization: Bearer …" or as the password of basic authentication.`,
  });
}

function forbidden(response: Response, scope: Scope): void {
  sendProblem(response, {
    status: 403,
    title: 'Forbidden',
    detail:
      'No tokens are configured, so this works only on a loopback listener with a loopback Host. ' +
      `Configure server.tokens with a token of the scope "${scope}".`,
  });
}

function withScope({ tokens }: Pick<ServerConfig, 'tokens'>, scope: Scope) {
  return tokens.filter((one) => one.scopes.includes(scope)).map((one) => one.token);
}

/** The name in a Host header without the port; IPv6 stays in brackets. */
function hostName(host: string): string {
  return host.replace(/:\d+$/, '').toLowerCase();
}
