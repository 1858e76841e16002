import { Router, type Request, type Response } from 'express';
import { SEVERITIES } from '../../alerts/alert.ts';
import { rfc3339 } from '../../checks/health/run-view.ts';
import type { EventPage, Ledger, StoredDelivery } from '../../ledger/ledger.ts';
import { alertCursor, LIST_CURSORS } from '../../ledger/list-cursors.ts';
import { sendProblem } from '../problem.ts';
import { Query, rejectParameters } from '../query.ts';
import type { ReadResponder } from '../reads/read-responder.ts';
import { episodeView } from './episode-view.ts';

interface LedgerRouteDeps {
  readonly ledger: Pick<Ledger, 'events' | 'alerts' | 'alert' | 'deliveries'>;
  readonly reads: ReadResponder;
}

const LIMIT = { min: 1, max: 10_000, fallback: 100 };

/** `/api/v1/events`, `alerts` and `deliveries`: what the ledger holds. */
export function createLedgerRoute(deps: LedgerRouteDeps): Router {
  const { ledger, reads } = deps;
  const router = Router().use(['/api/v1/events', '/api/v1/alerts', '/api/v1/deliveries'], reads.guard);
  router.get('/api/v1/events', (request, response) => sendEvents(deps, request, response));
  router.get('/api/v1/alerts', (request, response) => sendAlerts(deps, request, response));
  router.get('/api/v1/alerts/:id', async (request, response) => {
    if (rejectParameters(request, response)) return;
    const episode = await ledger.alert(request.params.id);
    if (episode !== undefined) await reads.json(response, episodeView(episode));
    else {
      const detail = `No alert has the id "${request.params.id}"; /api/v1/alerts?state=all lists them.`;
      sendProblem(response, { status: 404, title: 'No such alert', detail });
    }
  });
  router.get('/api/v1/deliveries', async (request, response) => {
    const query = new Query(request);
    const limit = query.integer('limit', LIMIT);
    const after = query.cursor(LIST_CURSORS.deliveries);
    if (query.respondIfInvalid(response)) return;
    await reads.list(response, {
      name: 'deliveries',
      filter: undefined,
      after,
      limit,
      rows: async (ask) => {
        const deliveries = await ledger.deliveries(ask);
        return {
          rows: deliveries.map((one) => JSON.stringify(deliveryView(one))),
          ...nextCursor(deliveries, ({ id }) => String(id)),
        };
      },
    });
  });
  return router;
}

async function sendAlerts(
  { ledger, reads }: LedgerRouteDeps,
  request: Request,
  response: Response,
): Promise<void> {
  const query = new Query(request);
  const state = query.oneOf('state', ['open', 'closed', 'all']) ?? 'open';
  const severity = query.oneOf('severity', SEVERITIES);
  const limit = query.integer('limit', LIMIT);
  const after = query.cursor(LIST_CURSORS.alerts);
  if (query.respondIfInvalid(response)) return;
  await reads.list(response, {
    name: 'alerts',
    filter: [state, severity],
    after,
    limit,
    rows: async (ask) => {
      const episodes = await ledger.alerts({ state, ...ask, ...(severity && { severity }) });
      return {
        rows: episodes.map((one) => JSON.stringify(episodeView(one))),
        ...nextCursor(episodes, alertCursor),
      };
    },
  });
}

/** The event after which a list was to continue was deleted by retention. */
class EventsGoneError extends Error {
  override readonly name = 'EventsGoneError';
  readonly oldest: string | undefined;

  constructor({ oldest }: Extract<EventPage, { gone: true }>) {
    super('The requested events are no longer kept.');
    this.oldest = oldest;
  }
}

async function sendEvents(
  { ledger, reads }: LedgerRouteDeps,
  request: Request,
  response: Response,
): Promise<void> {
  const query = new Query(request);
  const limit = query.integer('limit', LIMIT);
  const [after, type, subject] = [query.text('after'), query.text('type'), query.text('subject')];
  if (query.respondIfInvalid(response)) return;
  const filter = { ...(type !== undefined && { type }), ...(subject !== undefined && { subject }) };
  const rows = async (ask: {
    readonly after?: string;
    readonly limit: number;
    readonly maxBytes: number;
  }) => {
    const page = await ledger.events({ ...ask, ...filter });
    if ('gone' in page) throw new EventsGoneError(page);
    return {
      rows: page.events.map(({ json }) => json),
      ...(page.nextAfter !== undefined && { next: page.nextAfter }),
    };
  };
  try {
    await reads.list(response, { name: 'events', filter, after, limit, rows, grows: true });
  } catch (error) {
    if (!(error instanceof EventsGoneError) || response.headersSent) throw error;
    sendProblem(response, {
      status: 410,
      title: 'Gone',
      detail: `The event "${after ?? ''}" is unknown or no longer kept. Start again without after, or with the oldest id.`,
      more: { oldest: error.oldest ?? null },
    });
  }
}

/** Where a list continues after these rows. */
export function nextCursor<Row>(rows: readonly Row[], cursorOf: (row: Row) => string): { next?: string } {
  const last = rows.at(-1);
  return last === undefined ? {} : { next: cursorOf(last) };
}

function deliveryView(delivery: StoredDelivery) {
  const { id, webhook, source, receiver, status, accepted, duplicates, quarantined, bytes } = delivery;
  return {
    id,
    webhook,
    received_at: rfc3339(delivery.receivedAt),
    source,
    user_agent: delivery.userAgent,
    receiver,
    group_key: delivery.groupKey,
    status,
    truncated_alerts: delivery.truncatedAlerts,
    accepted,
    duplicates,
    quarantined,
    bytes,
  };
}
