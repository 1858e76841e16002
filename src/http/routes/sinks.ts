import { Router } from 'express';
import type { SinkView } from '../../events/sinks/sinks.ts';
import { rfc3339 } from '../../checks/health/run-view.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { rejectParameters } from '../query.ts';
import type { ReadResponder } from '../reads/read-responder.ts';

interface SinksRouteDeps {
  readonly sinks: () => readonly SinkView[];
  readonly ledger: Pick<Ledger, 'deadLetters'>;
  readonly reads: ReadResponder;
}

/** `GET /api/v1/sinks`: the state of each sink, and the events that it refused. */
export function createSinksRoute({ sinks, ledger, reads }: SinksRouteDeps): Router {
  const router = Router().use('/api/v1/sinks', reads.guard);
  router.get('/api/v1/sinks', async (request, response) => {
    if (rejectParameters(request, response)) return;
    const views = sinks().map(async ({ name, type, after, lag, failing }) => {
      const letters = await reads.queryLedger(`dead letters of ${name}`, () => ledger.deadLetters(name));
      return {
        name,
        type,
        after,
        lag,
        failing: failing ?? null,
        dead_letters: letters.map(({ id, at, reason }) => ({ id, at: rfc3339(at), reason })),
      };
    });
    await reads.json(response, { sinks: await Promise.all(views) });
  });
  return router;
}
