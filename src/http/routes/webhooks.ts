import { Router, type ErrorRequestHandler, type Request, type RequestHandler, type Response } from 'express';
import type { EpochMs } from '../../domain/clock.ts';
import { guardBy, type GuardHandler } from '../guard.ts';
import type { ServerConfig, WebhookConfig } from '../../config/types.ts';
import { isLoopback } from '../../domain/network.ts';
import type { IntakeResult, Ledger } from '../../ledger/ledger.ts';
import { LedgerUnavailableError } from '../../ledger/ledger.ts';
import type { DeliveryOutcome } from '../../metrics/self/alerts.ts';
import { BodyError, type BodyBudget } from '../body-budget.ts';
import { readBody } from '../read-body.ts';
import { fromLoopback, unauthorized } from '../middleware/access.ts';
import { crossOrigin, refuseCrossOrigin } from '../middleware/cross-origin.ts';
import { startSignature, verifySignature, type Signature } from '../middleware/signature.ts';
import { matchesAnyToken, requestToken } from '../middleware/tokens.ts';
import { sendJson } from '../json.ts';
import { sendProblem } from '../problem.ts';

export interface WebhookRouteDeps {
  readonly server: () => ServerConfig;
  readonly webhooks: () => readonly WebhookConfig[];
  readonly ledger: Pick<Ledger, 'intake'>;
  readonly now: () => EpochMs;
  /** Limits the bytes of bodies held for authenticated senders, and for those that need no authentication. */
  readonly budget: BodyBudget;
  /** The same for bodies whose signature can only be verified once they are complete. */
  readonly unauthenticatedBudget: BodyBudget;
  readonly clientAddress: (request: Request) => string;
  /** Counts a delivery; `intake` where it reached the ledger. */
  readonly onDelivery: (webhook: string, outcome: DeliveryOutcome, intake?: IntakeResult) => void;
  /** Records a sender that was refused because of a missing or wrong token or signature. */
  readonly onRefused: (webhook: string, address: string) => void;
}

/** The label of deliveries that named no entry of the configuration. */
const UNKNOWN_WEBHOOK = '_unknown';
const RETRY_AFTER_SECONDS = '5';

/**
 * `POST /api/webhooks/alertmanager[/NAME]` and `POST|PUT /api/webhooks/grafana[/NAME]`: answers 200 if and only if
 * everything that it accepted is on disk.
 */
export function createWebhookRoute(deps: WebhookRouteDeps): Router {
  const router = Router();
  const take = [readDeliveryBody(deps), createIntake(deps)];
  const alertmanager = ['/api/webhooks/alertmanager', '/api/webhooks/alertmanager/:name'];
  const grafana = ['/api/webhooks/grafana', '/api/webhooks/grafana/:name'];
  router.post(alertmanager, authorize(deps), ...take);
  router.post(grafana, authorize(deps), ...take);
  router.put(grafana, authorize(deps), ...take);
  router.use('/api/webhooks', bodyProblem(deps));
  return router;
}

function authorize(deps: WebhookRouteDeps): GuardHandler {
  return guardBy('webhook', (request, response, next) => {
    const entry = findEntry(deps, request);
    if (entry === 'unknown') {
      sendProblem(response, {
        status: 404,
        title: 'No such webhook',
        detail: `The configuration has no entry "${webhookName(request) ?? ''}" in webhooks; expected one of: ${webhookNames(deps)}.`,
      });
    } else if (entry === 'ambiguous') {
      refuseUnnamed(deps, request, response);
    } else if (entry === 'unauthorized' || crossOrigin(request)) {
      const name = deps.webhooks().find((one) => one.name === webhookName(request))?.name ?? UNKNOWN_WEBHOOK;
      countRefused(deps, request, name);
      if (crossOrigin(request)) refuseCrossOrigin(response);
      else unauthorized(response, 'a valid token of the webhook (webhooks[].token_files)');
    } else {
      response.locals['webhook'] = entry.name;
      if (entry.hmac !== undefined) {
        const signature = startSignature(request, entry.hmac, deps.now());
        if ('problem' in signature) {
          refuseSignature(deps, { request, response }, signature.problem);
          return;
        }
        response.locals['signature'] = signature;
      }
      next();
    }
  });
}

function countRefused(deps: WebhookRouteDeps, request: Request, webhook: string): void {
  deps.onDelivery(webhook, 'unauthorized');
  deps.onRefused(webhook, deps.clientAddress(request));
}

function refuseUnnamed(deps: WebhookRouteDeps, request: Request, response: Response): void {
  countRefused(deps, request, UNKNOWN_WEBHOOK);
  sendProblem(response, {
    status: 400,
    title: 'Ambiguous webhook',
    detail:
      'The path does not name an entry of webhooks, and the request has no token that identifies one. ' +
      `Add one of these names to the path: ${webhookNames(deps)}.`,
  });
}

function webhookName(request: Request): string | undefined {
  const name = request.params['name'];
  return typeof name === 'string' ? name : undefined;
}

function webhookNames(deps: WebhookRouteDeps): string {
  return deps
    .webhooks()
    .map((one) => one.name)
    .join(', ');
}

/** The entry in the path, else the only one, else the one whose token matches. */
function findEntry(
  deps: WebhookRouteDeps,
  request: Request,
): WebhookConfig | 'unknown' | 'unauthorized' | 'ambiguous' {
  const entries = deps.webhooks();
  const name = webhookName(request);
  const candidates = name === undefined ? entries : entries.filter((one) => one.name === name);
  if (candidates.length === 0 && name !== undefined) return 'unknown';
  const proven = candidates.find((entry) => entry.tokens.length > 0 && carriesToken(request, entry));
  if (proven !== undefined) return proven;
  const open = candidates.filter((entry) => entry.tokens.length === 0 && isAuthorized(entry, request, deps));
  return open.length > 1 ? 'ambiguous' : (open[0] ?? 'unauthorized');
}

function carriesToken(request: Request, { tokens }: WebhookConfig): boolean {
  return matchesAnyToken(requestToken(request), tokens);
}

/**
 * Whether a delivery may be sent to an entry without tokens. A signature, where one is configured, is verified once the
 * body is complete.
 */
function isAuthorized(entry: WebhookConfig, request: Request, deps: WebhookRouteDeps): boolean {
  if (entry.hmac !== undefined) return true;
  return isLoopback(deps.server().listen.host) && fromLoopback(request);
}

interface Exchange {
  readonly request: Request;
  readonly response: Response;
}

function refuseSignature(deps: WebhookRouteDeps, { request, response }: Exchange, problem: string): void {
  countRefused(deps, request, String(response.locals['webhook']));
  sendProblem(response, { status: 401, title: 'Invalid signature', detail: problem });
}

function readDeliveryBody(deps: WebhookRouteDeps): RequestHandler {
  return async (request, response, next) => {
    const signed = response.locals['signature'] as Signature | undefined;
    const onBytes = signed === undefined ? undefined : (bytes: Uint8Array) => signed.hmac.update(bytes);
    // until its signature is verified, a body may come from anyone
    const { bytes, reservation, freeMemory } = await readBody(request, {
      limit: deps.server().maxBodyBytes,
      budget: signed === undefined ? deps.budget : deps.unauthenticatedBudget,
      address: deps.clientAddress(request),
      authenticated: signed === undefined,
      ...(onBytes && { onBytes }),
    });
    request.body = bytes;
    if (response.destroyed) reservation.release();
    else response.once('close', () => reservation.release());
    if (signed === undefined || verifySignature(signed)) next();
    else {
      freeMemory();
      refuseSignature(
        deps,
        { request, response },
        'The signature does not match this body and the secret of webhooks[].hmac.',
      );
    }
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
      sendResult(response, result);
    } catch (error) {
      if (!(error instanceof LedgerUnavailableError)) throw error;
      deps.onDelivery(webhook, 'unavailable');
      sendUnavailable(response, error.message);
    }
  };
}

function sendResult(response: Response, result: IntakeResult): void {
  if (result.outcome === 'malformed') {
    sendProblem(response, {
      status: 400,
      title: 'Not a webhook of Alertmanager or Grafana',
      detail: result.detail,
      more: { pointer: result.pointer },
    });
    return;
  }
  const { accepted, duplicates, quarantined } = result;
  sendJson(response, { accepted, duplicates, quarantined });
}

/** 503, never 429 or 4xx: Alertmanager retries only 5xx, and the retry is recognised as a duplicate. */
function sendUnavailable(response: Response, detail: string): void {
  response.set('Retry-After', RETRY_AFTER_SECONDS);
  sendProblem(response, { status: 503, title: 'The ledger cannot accept alerts', detail });
}

/** Errors while the body was read: too large, cut off, an unknown encoding. */
function bodyProblem(deps: WebhookRouteDeps): ErrorRequestHandler {
  return (error: unknown, _request, response, next) => {
    if (response.headersSent || !isBodyError(error)) {
      next(error);
      return;
    }
    const webhook = String(response.locals['webhook'] ?? UNKNOWN_WEBHOOK);
    if (error instanceof BodyError && error.status === 503) {
      // the rest of the body is not waited for
      response.set('Connection', 'close');
      deps.onDelivery(webhook, 'unavailable');
      sendUnavailable(response, error.message);
      return;
    }
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
  const { status } = error;
  return typeof status === 'number' && ((status >= 400 && status < 500) || error instanceof BodyError);
}
