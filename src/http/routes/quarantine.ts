import { Router, type Request, type Response } from 'express';
import type { EpochMs } from '../../domain/clock.ts';
import type { GuardHandler } from '../guard.ts';
import type { ParsedBody } from '../../alerts/delivery.ts';
import { rfc3339 } from '../../checks/health/run-view.ts';
import type { IntakeResult, Ledger, QuarantineEntry } from '../../ledger/ledger.ts';
import { LIST_CURSORS, quarantineCursor } from '../../ledger/list-cursors.ts';
import { sendJson } from '../json.ts';
import { sendProblem } from '../problem.ts';
import { Query, rejectParameters } from '../query.ts';
import type { ReadResponder } from '../reads/read-responder.ts';
import { nextCursor } from './ledger.ts';

export interface QuarantineDeps {
  readonly ledger: Pick<Ledger, 'quarantine' | 'quarantineEntry' | 'dropQuarantined' | 'intake'>;
  readonly reads: ReadResponder;
  readonly now: () => EpochMs;
  /** Passes only readers. */
  readonly read: GuardHandler;
  /** Passes only administrators. */
  readonly guard: GuardHandler;
  readonly onDelivery: (webhook: string, intake: IntakeResult) => void;
  /** Parses a webhook body; an invalid one is not submitted to the ledger again, which would count it as new. */
  readonly parse: (body: Uint8Array) => ParsedBody;
}

const PATH = '/api/v1/quarantine';
const LIMIT = { min: 1, max: 1_000, fallback: 100 };
/** The part of a body that is stored; one of this size may have been truncated. */
const KEPT_BYTES = 64 * 1024;

/** `/api/v1/quarantine`: bodies that could not be parsed, to be inspected, resubmitted or dropped. */
export function createQuarantineRoute(deps: QuarantineDeps): Router {
  const { ledger, reads, read, guard } = deps;
  const router = Router();
  router.get(PATH, read, reads.limitConcurrency, async (request, response) => {
    const query = new Query(request);
    const limit = query.integer('limit', LIMIT);
    const after = query.cursor(LIST_CURSORS.quarantine);
    if (query.respondIfInvalid(response)) return;
    await reads.list(response, {
      name: 'quarantine',
      filter: undefined,
      after,
      limit,
      rows: async (ask) => {
        const entries = await ledger.quarantine(ask);
        return {
          rows: entries.map((one) => JSON.stringify(quarantineView(one))),
          ...nextCursor(entries, quarantineCursor),
        };
      },
    });
  });
  router.get(`${PATH}/:id`, read, reads.limitConcurrency, async (request, response) => {
    if (rejectParameters(request, response)) return;
    const entry = await findEntry(ledger, request, response);
    if (entry !== undefined) await reads.json(response, quarantineView(entry));
  });
  router.post(`${PATH}/:id/resubmit`, guard, (request, response) => resubmit(deps, request, response));
  router.delete(`${PATH}/:id`, guard, async (request, response) => {
    const entry = await findEntry(ledger, request, response);
    if (entry === undefined) return;
    await ledger.dropQuarantined(entry.id);
    response.status(204).end();
  });
  return router;
}

async function resubmit(
  { ledger, now, onDelivery, parse }: QuarantineDeps,
  request: Request,
  response: Response,
): Promise<void> {
  const entry = await findEntry(ledger, request, response);
  if (entry === undefined) return;
  if (entry.size >= KEPT_BYTES) {
    const detail = `Only its first ${KEPT_BYTES} bytes are kept; the sender must send it again.`;
    sendProblem(response, { status: 409, title: 'The body is incomplete', detail });
    return;
  }
  const body = deliveryOf(entry);
  const complaint = complaintOf(parse(body));
  if (complaint !== undefined) {
    stillUnreadable(response, complaint);
    return;
  }
  const result = await ledger.intake({
    webhook: entry.webhook,
    body,
    receivedAt: now(),
    source: 'quarantine',
    userAgent: `quarantine entry ${entry.id}`,
  });
  onDelivery(entry.webhook, result);
  if (result.outcome === 'malformed' || result.quarantined > 0) {
    stillUnreadable(response, result.outcome === 'malformed' ? result.detail : entry.detail);
    return;
  }
  await ledger.dropQuarantined(entry.id);
  const { accepted, duplicates, quarantined } = result;
  sendJson(response, { accepted, duplicates, quarantined });
}

function complaintOf(parsed: ParsedBody): string | undefined {
  return parsed.ok ? parsed.delivery.rejected[0]?.detail : parsed.detail;
}

function stillUnreadable(response: Response, reason: string): void {
  const detail = `The entry is still invalid: ${reason} Correct it and send it to the webhook, or drop it.`;
  sendProblem(response, { status: 422, title: 'Still invalid', detail });
}

/** Of a delivery whose other alerts were accepted, only the invalid alert is stored: it becomes a delivery again. */
function deliveryOf({ body, pointer }: QuarantineEntry): Uint8Array {
  const text = Buffer.from(body).toString('utf8');
  const isAlert =
    pointer.startsWith('/alerts/') ||
    (pointer === '' && text.includes('"fingerprint"') && !text.includes('"alerts"'));
  return isAlert
    ? Buffer.from(`{"version":"4","receiver":"quarantine","alerts":[${text}]}`)
    : Buffer.from(body);
}

async function findEntry(
  ledger: Pick<Ledger, 'quarantineEntry'>,
  request: Request,
  response: Response,
): Promise<QuarantineEntry | undefined> {
  const id = String(request.params['id']);
  const entry = /^\d{1,15}$/.test(id) ? await ledger.quarantineEntry(Number(id)) : undefined;
  if (entry === undefined) {
    const detail = `No entry has the id "${id}"; ${PATH} lists them.`;
    sendProblem(response, { status: 404, title: 'Not in quarantine', detail });
  }
  return entry;
}

function quarantineView(entry: QuarantineEntry) {
  const { id, webhook, pointer, detail, seen, size, body } = entry;
  return {
    id,
    webhook,
    first_received_at: rfc3339(entry.firstReceivedAt),
    last_received_at: rfc3339(entry.lastReceivedAt),
    seen,
    pointer,
    detail,
    size,
    body: Buffer.from(body).toString('utf8'),
  };
}
