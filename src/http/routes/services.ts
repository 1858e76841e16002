import { Router } from 'express';
import type { HealthBoard } from '../../health/board.ts';
import { rfc3339 } from '../../health/run-view.ts';
import { serviceDetails } from '../../health/views.ts';
import type { HistoryPoint, Ledger } from '../../ledger/ledger.ts';
import { sendJson } from '../json.ts';
import { sendProblem } from '../problem.ts';
import { Query } from '../query.ts';

export interface ServicesRouteDeps {
  readonly board: HealthBoard;
  readonly ledger: Pick<Ledger, 'history'>;
  readonly now: () => number;
}

const DAY_S = 86_400;
const MAX_POINTS = 11_000;

/** `/api/v1/services`: what is watched, and its history. */
export function createServicesRoute(deps: ServicesRouteDeps): Router {
  const router = Router();
  const find = (name: string) => serviceDetails(deps.board.entries()).find((service) => service.key === name);
  router.get('/api/v1/services', (_request, response) => {
    sendJson(response, { services: serviceDetails(deps.board.entries()) });
  });
  router.get('/api/v1/services/:name', (request, response) => {
    const service = find(request.params.name);
    if (service !== undefined) sendJson(response, service);
    else sendProblem(response, noSuchService(request.params.name));
  });
  router.get('/api/v1/services/:name/history', async (request, response) => {
    const { name } = request.params;
    if (find(name) === undefined) {
      sendProblem(response, noSuchService(name));
      return;
    }
    const query = new Query(request);
    const to = query.time('to', deps.now());
    const from = query.time('from', to - DAY_S * 1_000);
    const step = query.integer('step', { min: 1, max: 366 * DAY_S, fallback: 300 });
    if (from >= to || (to - from) / 1_000 / step > MAX_POINTS) {
      query.problems.push({
        parameter: 'step',
        given: String(step),
        expected: `from before to, and at most ${MAX_POINTS} points`,
      });
    }
    if (query.refused(response)) return;
    const points = await deps.ledger.history({ service: name, from, to, stepMs: step * 1_000 });
    sendJson(response, {
      service: name,
      from: rfc3339(from),
      to: rfc3339(to),
      step,
      points: points.map(pointView),
    });
  });
  return router;
}

function pointView(point: HistoryPoint) {
  const { at, success, failure, unknown, meanDurationSeconds } = point;
  return {
    time: rfc3339(at),
    success,
    failure,
    unknown,
    ...(meanDurationSeconds !== undefined && { mean_response_time: meanDurationSeconds }),
  };
}

function noSuchService(name: string) {
  return {
    status: 404,
    title: 'No such service',
    detail: `No service is named "${name}"; /api/v1/services lists them.`,
  };
}
