import { Router } from 'express';
import type { ConfigProblem, ServerConfig } from '../../config/types.ts';
import { open } from '../guard.ts';
import { guardChange } from '../middleware/access.ts';
import { sendProblem } from '../problem.ts';
import { sendJson } from '../json.ts';

/** How a reload ended. */
export type ReloadResult =
  { readonly ok: true } | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

export interface LifecycleRouteDeps {
  readonly server: () => ServerConfig;
  /** Reasons why Tocsin is not ready; empty when it is. */
  readonly notReady: () => readonly string[];
  readonly reload: () => Promise<ReloadResult>;
}

/** `/-/healthy`, `/-/ready` and `/-/reload`: about Tocsin itself, never the results of probes. */
export function createLifecycleRoute(deps: LifecycleRouteDeps): Router {
  const router = Router();
  router.get('/-/healthy', open, (_request, response) => {
    response.type('text/plain').send('Tocsin is healthy.\n');
  });
  router.get('/-/ready', open, (_request, response) => {
    const reasons = deps.notReady();
    if (reasons.length === 0) response.type('text/plain').send('Tocsin is ready.\n');
    else sendProblem(response, { status: 503, title: 'Not ready', detail: reasons.join('; ') });
  });
  router.post('/-/reload', guardChange('admin', deps.server), async (_request, response) => {
    if (!deps.server().lifecycle) {
      sendProblem(response, {
        status: 403,
        title: 'Forbidden',
        detail: 'Reloading by HTTP is disabled. Set server.lifecycle to true, or send SIGHUP to the process.',
      });
      return;
    }
    const result = await deps.reload();
    if (result.ok) sendJson(response, { status: 'reloaded' });
    else {
      sendProblem(response, {
        status: 400,
        title: 'The configuration was not loaded',
        detail: `${result.problems.length} problems; the old configuration stays in force.`,
        more: { problems: result.problems },
      });
    }
  });
  return router;
}
