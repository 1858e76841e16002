import { Router, type Request, type Response } from 'express';
import { SEVERITIES } from '../../domain/alert.ts';
import { rfc3339 } from '../../health/run-view.ts';
import type { Ledger, StoredDelivery } from '../../ledger/ledger.ts';
import { sendJson } from '../json.ts';
import { sendProblem } from '../problem.ts';
import { Query } from '../query.ts';
import { episodeView } from './episode-view.ts';

type ReadLedger = Pick<Ledger, 'events' | 'alerts' | 'alert' | 'deliveries'>;

const LIMIT = { min: 1, max: 10_000, fallback: 100 };

/** `/api/v1/events`, `alerts` and `deliveries`: what the ledger holds. */
export function createLedgerRoute(ledger: ReadLedger): Router {
  const router = Router();
  router.get('/api/v1/events', (request, response) => sendEvents(ledger, request, response));
  router.get('/api/v1/alerts', async (request, response) => {
    const query = new Query(request);
    const state = query.word('state', ['open', 'closed', 'all']) ?? 'open';
    const severity = query.word('severity', SEVERITIES);
    const limit = query.integer('limit', LIMIT);
    if (query.refused(response)) return;
    const episodes = await ledger.alerts({ state, limit, ...(severity && { severity }) });
    sendJson(response, { alerts: episodes.map(episodeView) });
  });
  router.get('/api/v1/alerts/:id', async (request, response) => {
    const episode = await ledger.alert(request.params.id);
    if (episode !== undefined) sendJson(response, episodeView(episode));
    else {
      const detail = `No alert has the id "${request.params.id}"; /api/v1/alerts?state=all lists them.`;
      sendProblem(response, { status: 404, title: 'No such alert', detail });
    }
  });
  router.get('/api/v1/deliveries', async (request, response) => {
    const query = new Query(request);
    const limit = query.integer('limit', LIMIT);
    if (query.refused(response)) return;
    const deliveries = await ledger.deliveries(limit);
    sendJson(response, { deliveries: deliveries.map(deliveryView) });
  });
  return router;
}

async function sendEvents(ledger: ReadLedger, request: Request, response: Response): Promise<void> {
  const query = new Query(request);
  const limit = query.integer('limit', LIMIT);
  const [after, type, subject] = [query.text('after'), query.text('type'), query.text('subject')];
  if (query.refused(response)) return;
  const page = await ledger.events({
    limit,
    ...(after !== undefined && { after }),
    ...(type !== undefined && { type }),
    ...(subject !== undefined && { subject }),
  });
  if ('gone' in page) {
    sendProblem(response, {
      status: 410,
      title: 'Gone',
      detail: `No event "${after ?? ''}" is kept (any more). Start again without after, or with the oldest id.`,
      more: { oldest: page.oldest ?? null },
    });
    return;
  }
  sendJson(response, { events: page.events, next_after: page.nextAfter ?? after ?? null });
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
