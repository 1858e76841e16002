import type { Request, RequestHandler, Response } from 'express';
import { sendProblem } from '../problem.ts';

/**
 * Whether a web page of another origin sent a request. A browser can be made to send some without asking first, with
 * the password it remembers and from an address that is trusted; it says where from, in headers that no page can set.
 * Programs send neither header.
 * @see https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
 */
export function crossOrigin({ headers }: Pick<Request, 'headers'>): boolean {
  const site = headers['sec-fetch-site'];
  // behind a proxy, Host may be another name than the one in Origin: what the browser found counts more
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
      'A web page of another origin sent this (Sec-Fetch-Site, Origin); pages of others may neither change nor probe anything here.',
  });
}

/** Lets by whatever is not from such a page. */
export const refuseCrossOriginRequests: RequestHandler = (request, response, next) => {
  if (crossOrigin(request)) refuseCrossOrigin(response);
  else next();
};
