import { Router } from 'express';
import { open } from '../guard.ts';

const LINKS: readonly (readonly [path: string, says: string])[] = [
  ['/metrics', 'metrics, for Prometheus'],
  ['/probe?target=127.0.0.1&module=icmp', 'one probe with a module, as by blackbox_exporter'],
  ['/config', 'the configuration, secrets masked'],
  ['/cluster_health', 'the cluster and every service'],
  ['/health', 'Tocsin itself'],
  ['/alerts', 'current problems, as text'],
  ['/history', 'the state of the cluster after each change'],
  ['/stats', 'CPU, memory and disk of this host'],
  ['/api/v1/services', 'services and their targets'],
  ['/api/v1/alerts', 'alerts received'],
  ['/api/v1/events', 'the event log'],
  ['/api/v1/sinks', 'where events are copied to, and the position of each sink'],
  ['/api/v1/deliveries', 'webhook requests received'],
  ['/-/ready', 'readiness'],
];

/** `/`: links to the other paths. */
export function createLandingRoute(version: string): Router {
  const items = LINKS.map(([path, says]) => `<li><a href="${path}">${path}</a>: ${says}</li>`).join('\n');
  const page = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Tocsin</title></head>
<body>
<h1>Tocsin ${version}</h1>
<ul>
${items}
</ul>
<p>Alertmanager posts to <code>/api/webhooks/alertmanager</code>.</p>
</body>
</html>
`;
  const router = Router();
  router.get('/', open, (_request, response) => {
    response.set('Content-Security-Policy', "default-src 'none'").type('html').send(page);
  });
  return router;
}
