import { Router } from 'express';
import { rfc3339 } from '../../checks/health/run-view.ts';
import type { ServiceApiViews } from '../../checks/health/service-api-views.ts';
import type { EpochMs } from '../../domain/clock.ts';
import type { HistoryPoint, Ledger } from '../../ledger/ledger.ts';
import { sendProblem } from '../problem.ts';
import { Query, rejectParameters } from '../query.ts';
import { toChunks, commaSeparated } from '../reads/chunks.ts';
import type { ReadResponder } from '../reads/read-responder.ts';

export interface ServicesRouteDeps {
  readonly services: ServiceApiViews;
  readonly ledger: Pick<Ledger, 'history'>;
  readonly reads: ReadResponder;
  readonly now: () => EpochMs;
}

const DAY_S = 86_400;
const MAX_POINTS = 11_000;

/** `/api/v1/services`: the services, and the history of their checks. */
export function createServicesRoute(deps: ServicesRouteDeps): Router {
  const { services, reads } = deps;
  const router = Router().use('/api/v1/services', reads.guard);
  router.get('/api/v1/services', async (request, response) => {
    if (rejectParameters(request, response)) return;
    await reads.sharedText(response, 'services', () => servicesText(services));
  });
  router.get('/api/v1/services/:name', async (request, response) => {
    if (rejectParameters(request, response)) return;
    const service = services.all().get(request.params.name);
    if (service !== undefined) await reads.send(response, [Buffer.from(`${service.detail}\n`)]);
    else sendProblem(response, noSuchService(request.params.name));
  });
  router.get('/api/v1/services/:name/history', async (request, response) => {
    const { name } = request.params;
    if (!services.all().has(name)) {
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
    if (query.respondIfInvalid(response)) return;
    const asked = { service: name, from, to, stepMs: step * 1_000 };
    const points = await reads.queryLedger(JSON.stringify(['history', asked]), () =>
      deps.ledger.history(asked),
    );
    const head = { service: name, from: rfc3339(from), to: rfc3339(to), step };
    await reads.stream(response, toChunks(pointsText(head, points)));
  });
  return router;
}

function* servicesText(services: ServiceApiViews): Generator<string, undefined> {
  yield '{"services":[';
  const texts = [...services.all().values()];
  yield* commaSeparated(map(texts, ({ detail }) => detail));
  yield ']}\n';
}

function* pointsText(head: object, points: readonly HistoryPoint[]): Generator<string, undefined> {
  yield `${JSON.stringify(head).slice(0, -1)},"points":[`;
  yield* commaSeparated(map(points, (point) => JSON.stringify(pointView(point))));
  yield ']}\n';
}

/** Lazily, so that each text is created in its turn. */
function* map<Value, Result>(
  values: Iterable<Value>,
  change: (value: Value) => Result,
): Generator<Result, undefined> {
  for (const value of values) yield change(value);
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
