import type { Request, RequestHandler, Response } from 'express';
import { sendProblem } from '../problem.ts';

/**
 * Whether a web page of another origin sent a request. A browser can be made to send some requests without a preflight,
 * with the password that it remembers and from a trusted address; it reports their origin in headers that no page can
 * set. Programs send neither header.
 * @see https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
 */
export function crossOrigin({ headers }: Pick<Request, 'headers'>): boolean {
  const site = headers['sec-fetch-site'];
  // behind a proxy, Host may differ from the name in Origin: what the browser determined takes precedence
  if (typeof site === 'string') return site !== 'same-origin' && site !== 'none';
  const { origin, host } = headers;
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== host?.toLowerCase();
}

/** Answers 403 to such a page. */
export function refuseCrossOrigin(response: Response): void {
  sendProblem(response, {
    status: 403,
    title: 'Forbidden',
    detail:
      'The request comes from a web page of another origin (Sec-Fetch-Site, Origin), which may neither change nor probe anything.',
  });
}

/** Refuses requests of such pages. */
export const refuseCrossOriginRequests: RequestHandler = (request, response, next) => {
  if (crossOrigin(request)) refuseCrossOrigin(response);
  else next();
};
