import { Router } from 'express';
import { refuseParameters } from '../query.ts';
import type { Reads } from '../reads/reads.ts';

/** `GET /config`: the configuration in force as YAML, every secret masked. */
export function createConfigRoute(shown: () => string, reads: Reads): Router {
  const router = Router().use('/config', reads.guard);
  router.get('/config', async (request, response) => {
    if (refuseParameters(request, response)) return;
    await reads.whole(response, 'config', () => [shown()], 'text/plain');
  });
  return router;
}
