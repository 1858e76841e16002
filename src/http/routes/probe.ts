import { Router, type Request, type Response } from 'express';
import { Cancellation, type CancelSignal } from '../../domain/cancellation.ts';
import type { ProbeResponse, ProbeClient, ProbeRequest } from '../../probes/endpoint/endpoint.ts';
import type { GuardHandler } from '../guard.ts';
import { sendProblem } from '../problem.ts';

export interface ProbeRouteDeps {
  readonly guard: GuardHandler;
  readonly clientOf: (request: Request) => ProbeClient;
  readonly answer: (
    question: ProbeRequest,
    client: ProbeClient,
    signal: CancelSignal,
  ) => Promise<ProbeResponse>;
}

/** Time within which a client must read its answer. */
const TAKE_MS = 10_000;
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** `GET /probe`: blackbox_exporter's endpoint. */
export function createProbeRoute({ guard, clientOf, answer }: ProbeRouteDeps): Router {
  const router = Router();
  router
    .route('/probe')
    .all(guard)
    .get(async (request, response) => {
      const left = new Cancellation();
      response.once('close', () => {
        if (!response.writableFinished) left.abort();
      });
      // a run may take longer than a client may be idle
      response.setTimeout(0);
      const answered = await answer(readProbeRequest(request), clientOf(request), left);
      if (response.destroyed) return;
      response.setTimeout(TAKE_MS);
      send(response, answered);
    })
    .all((request, response) => {
      response.set('Allow', 'GET, HEAD');
      const detail = `/probe accepts GET and HEAD, not ${request.method}.`;
      sendProblem(response, { status: 405, title: 'Method not allowed', detail });
    });
  return router;
}

/** Only the first value of each parameter is used, as in blackbox_exporter. */
function readProbeRequest(request: Request): ProbeRequest {
  const query = request.originalUrl.indexOf('?');
  const parameters = new URLSearchParams(query === -1 ? '' : request.originalUrl.slice(query));
  const text = (name: string): string => parameters.get(name) ?? '';
  return {
    target: text('target'),
    module: text('module'),
    hostname: text('hostname'),
    debug: text('debug') === 'true',
    scrapeTimeout: request.get('X-Prometheus-Scrape-Timeout-Seconds'),
  };
}

function send(response: Response, answer: ProbeResponse): void {
  switch (answer.kind) {
    case 'metrics':
      sendText(response, { status: 200, type: METRICS_TYPE, text: answer.text });
      return;
    case 'debug':
      sendText(response, { status: answer.status, type: 'text/plain; charset=utf-8', text: answer.text });
      return;
    case 'refused': {
      const { status, title, detail } = answer;
      response.set('Cache-Control', 'no-store');
      if (status === 429 || status === 503) response.set('Retry-After', '1');
      sendProblem(response, { status, title, detail });
    }
  }
}

interface TextAnswer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** Writes the headers and the text at once, where Express would write twice. */
function sendText(response: Response, { status, type, text }: TextAnswer): void {
  const headers = {
    'Cache-Control': 'no-store',
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(text),
  };
  response.writeHead(status, headers).end(text);
}
