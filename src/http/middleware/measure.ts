import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { HttpMeasurement } from '../../metrics/self/instruments.ts';

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'CONNECT']);

/** @see https://html.spec.whatwg.org/multipage/server-sent-events.html */
export const EVENT_STREAM = 'text/event-stream';

/**
 * Measures every request that was answered, except streams, which last as long as their clients want.
 * @see https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#metric-httpserverrequestduration
 */
export function measureRequests(observe: (measurement: HttpMeasurement) => void): RequestHandler {
  return (request: Request, response: Response, next: NextFunction) => {
    const start = performance.now();
    response.once('finish', () => {
      if (isStream(response)) return;
      observe({
        method: METHODS.has(request.method) ? request.method : '_OTHER',
        route: routePattern(request),
        status: response.statusCode,
        seconds: (performance.now() - start) / 1_000,
      });
    });
    next();
  };
}

function isStream(response: Response): boolean {
  return response.getHeader('content-type') === EVENT_STREAM;
}

function routePattern(request: Request): string {
  const route: unknown = request.route;
  if (typeof route !== 'object' || route === null || !('path' in route)) return '';
  return typeof route.path === 'string' ? request.baseUrl + route.path : '';
}
