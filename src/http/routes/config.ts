import { Router } from 'express';
import { rejectParameters } from '../query.ts';
import type { ReadResponder } from '../reads/read-responder.ts';

/** `GET /config`: the configuration in force as YAML, every secret masked. */
export function createConfigRoute(redactedConfig: () => string, reads: ReadResponder): Router {
  const router = Router().use('/config', reads.guard);
  router.get('/config', async (request, response) => {
    if (rejectParameters(request, response)) return;
    await reads.sharedText(response, 'config', () => [redactedConfig()], 'text/plain');
  });
  return router;
}
