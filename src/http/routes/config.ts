import { Router } from 'express';

/** `GET /config`: the configuration in force as YAML, every secret masked. */
export function createConfigRoute(shown: () => string): Router {
  const router = Router();
  router.get('/config', (_request, response) => {
    response.set('Cache-Control', 'no-store').type('text/plain').send(shown());
  });
  return router;
}
