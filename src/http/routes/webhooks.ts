import express, {
  Router,
  type ErrorRequestHandler,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import type { ServerConfig, WebhookConfig } from '../../config/types.ts';
import { isLoopback } from '../../domain/network.ts';
import type { IntakeResult, Ledger } from '../../ledger/ledger.ts';
import { LedgerUnavailableError } from '../../ledger/ledger.ts';
import { fromLoopback, unauthorized } from '../middleware/access.ts';
import { matchesAny, requestToken } from '../middleware/tokens.ts';
import { sendJson } from '../json.ts';
import { sendProblem } from '../problem.ts';

/** How a delivery was answered; a label value. */
export type DeliveryOutcome = IntakeResult['outcome'] | 'unauthorized' | 'too_large' | 'unavailable';

export interface WebhookRouteDeps {
  readonly server: () => ServerConfig;
  readonly webhooks: () => readonly WebhookConfig[];
  readonly ledger: Pick<Ledger, 'intake'>;
  readonly now: () => number;
  readonly clientAddress: (request: Request) => string;
  /** Counts a delivery; `intake` where it came as far as the ledger. */
  readonly onDelivery: (webhook: string, outcome: DeliveryOutcome, intake?: IntakeResult) => void;
}

/** The label of deliveries that named no entry of the configuration. */
const NO_ENTRY = '_unknown';
const RETRY_AFTER_SECONDS = '5';

/** `POST /api/webhooks/alertmanager[/NAME]`: answers 200 when, and only when, what it accepted is on disk. */
export function createWebhookRoute(deps: WebhookRouteDeps): Router {
  const router = Router();
  const take = createIntake(deps);
  router.post(
    ['/api/webhooks/alertmanager', '/api/webhooks/alertmanager/:name'],
    authorize(deps),
    readBody(deps),
    take,
  );
  router.use('/api/webhooks', bodyProblem(deps));
  return router;
}

function authorize(deps: WebhookRouteDeps): RequestHandler {
  return (request, response, next) => {
    const entry = findEntry(deps, request);
    if (entry === 'unknown') {
      sendProblem(response, {
        status: 404,
        title: 'No such webhook',
        detail: `The configuration has no entry "${nameOf(request) ?? ''}" in webhooks; it has: ${names(deps)}.`,
      });
    } else if (entry === 'unauthorized') {
      deps.onDelivery(
        deps.webhooks().find((one) => one.name === nameOf(request))?.name ?? NO_ENTRY,
        'unauthorized',
      );
      unauthorized(response, 'a live token of the webhook (webhooks[].token_files)');
    } else {
      response.locals['webhook'] = entry.name;
      next();
    }
  };
}

function nameOf(request: Request): string | undefined {
  const name = request.params['name'];
  return typeof name === 'string' ? name : undefined;
}

function names(deps: WebhookRouteDeps): string {
  return deps
    .webhooks()
    .map((one) => one.name)
    .join(', ');
}

/** The entry that was named, else the only one, else the one whose token matches. */
function findEntry(deps: WebhookRouteDeps, request: Request): WebhookConfig | 'unknown' | 'unauthorized' {
  const entries = deps.webhooks();
  const name = nameOf(request);
  const candidates = name === undefined ? entries : entries.filter((one) => one.name === name);
  if (candidates.length === 0 && name !== undefined) return 'unknown';
  const token = requestToken(request);
  return candidates.find((entry) => mayDeliver(entry, token, request, deps)) ?? 'unauthorized';
}

function mayDeliver(
  entry: WebhookConfig,
  token: string | undefined,
  request: Request,
  deps: WebhookRouteDeps,
): boolean {
  if (entry.tokens.length > 0) return matchesAny(token, entry.tokens);
  return isLoopback(deps.server().listen.host) && fromLoopback(request);
}

function readBody(deps: WebhookRouteDeps): RequestHandler {
  return (request, response, next) => {
    express.raw({ limit: deps.server().maxBodyBytes, type: () => true })(request, response, next);
  };
}

function createIntake(deps: WebhookRouteDeps): RequestHandler {
  return async (request, response) => {
    const webhook = String(response.locals['webhook']);
    const body: unknown = request.body;
    try {
      const result = await deps.ledger.intake({
        webhook,
        body: body instanceof Uint8Array ? body : new Uint8Array(0),
        receivedAt: deps.now(),
        source: deps.clientAddress(request),
        userAgent: request.headers['user-agent'] ?? '',
      });
      deps.onDelivery(webhook, result.outcome, result);
      answer(response, result);
    } catch (error) {
      if (!(error instanceof LedgerUnavailableError)) throw error;
      deps.onDelivery(webhook, 'unavailable');
      unavailable(response, error.message);
    }
  };
}

function answer(response: Response, result: IntakeResult): void {
  if (result.outcome === 'malformed') {
    sendProblem(response, {
      status: 400,
      title: 'Not a webhook of Alertmanager',
      detail: result.detail,
      more: { pointer: result.pointer },
    });
    return;
  }
  const { accepted, duplicates, quarantined } = result;
  sendJson(response, { accepted, duplicates, quarantined });
}

/** 503, never 429 or 4xx: Alertmanager retries only 5xx, and the retry is recognised as a duplicate. */
function unavailable(response: Response, detail: string): void {
  response.set('Retry-After', RETRY_AFTER_SECONDS);
  sendProblem(response, { status: 503, title: 'The ledger cannot take alerts now', detail });
}

/** Errors while the body was read: too large, broken off, an unknown encoding. */
function bodyProblem(deps: WebhookRouteDeps): ErrorRequestHandler {
  return (error: unknown, _request, response, next) => {
    if (response.headersSent || !isBodyError(error)) {
      next(error);
      return;
    }
    const webhook = String(response.locals['webhook'] ?? NO_ENTRY);
    const tooLarge = error.status === 413;
    deps.onDelivery(webhook, tooLarge ? 'too_large' : 'malformed');
    sendProblem(response, {
      status: error.status,
      title: tooLarge ? 'The body is too large' : 'The body could not be read',
      detail: tooLarge
        ? `The body is larger than server.max_body (${deps.server().maxBodyBytes} bytes). Raise it, or set max_alerts in Alertmanager.`
        : error.message,
    });
  };
}

function isBodyError(error: unknown): error is { status: number; message: string } {
  if (typeof error !== 'object' || error === null || !('status' in error) || !('message' in error))
    return false;
  return typeof error.status === 'number' && error.status >= 400 && error.status < 500;
}
