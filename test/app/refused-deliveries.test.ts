import { request } from 'node:http';
import { expect, it } from '@jest/globals';
import { createClients } from '../../src/app/clients.ts';
import { readConfiguration } from '../../src/app/configuration.ts';
import { Secret } from '../../src/domain/secret.ts';
import { BodyBudget } from '../../src/http/body-budget.ts';
import { clientAddress } from '../../src/http/middleware/client-address.ts';
import { createWebhookRoute } from '../../src/http/routes/webhooks.ts';
import { createSelfMetrics } from '../../src/metrics/self/self-metrics.ts';
import { serveHandlers, serverConfig } from '../support/http/http-rig.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { recordingLogger } from '../support/recording-logger.ts';

const HOSTILE = '\u009b31m"} forged \u00ad';

/** A delivery without a token, from one of the loopback addresses. */
function post(url: string, localAddress: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', localAddress, headers, agent: false }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    sent.on('error', reject).end('{}');
  });
}

it('refused deliveries are logged as one warning a minute that names the busiest sender and quotes none of its text', async () => {
  const result = readConfiguration({ env: {}, cwd: '/', hostname: 'n1', file: undefined });
  if (!result.ok) throw new Error('the defaults are valid');
  const { config } = result;
  const clock = new ManualClock();
  const { logger, lines } = recordingLogger();
  const selfMetrics = createSelfMetrics({ version: '1', node: 'v20' });
  const clients = createClients({ config: () => config, clock, logger, selfMetrics });
  const budget = new BodyBudget({ max: () => 1e6, monotonic: () => 0, fair: false });
  const route = createWebhookRoute({
    server: () => serverConfig(),
    webhooks: () => [{ name: 'main', tokens: [new Secret('right')] }],
    ledger: { intake: () => Promise.reject(new Error('it is refused before')) },
    now: () => clock.now(),
    budget,
    unauthenticatedBudget: budget,
    clientAddress: (request) => clientAddress(request, config.server.trustedProxies),
    onDelivery: () => undefined,
    onRefused: (webhook, from) => clients.rejectedDeliveriesLog.record(webhook, from),
  });
  await using rig = await serveHandlers([route]);
  const url = `${rig.url}/api/webhooks/alertmanager/main`;
  const headers = { 'x-forwarded-for': HOSTILE, 'user-agent': HOSTILE, authorization: `Bearer ${HOSTILE}` };
  for (const from of ['127.0.0.2', '127.0.0.3', '127.0.0.3', '127.0.0.3'])
    expect(await post(url, from, headers)).toBe(401);
  expect(lines).toEqual([]);
  await clock.advance(60_000);
  expect(lines).toMatchObject([
    {
      level: 'warn',
      message:
        'deliveries were refused (401) and their alerts not recorded: correct the token or secret of the sender',
      counts: { main: 4 },
      addresses: 2,
      busiest: { address: '127.0.0.3', times: 3 },
    },
  ]);
  expect(JSON.stringify(lines)).not.toMatch(/forged|[\p{Cc}\p{Cf}]/u);
  await clock.advance(60_000);
  expect(lines).toHaveLength(1);
  expect(await post(url, '127.0.0.4')).toBe(401);
  await clock.advance(60_000);
  expect(lines[1]).toMatchObject({ counts: { main: 1 }, busiest: { address: '127.0.0.4', times: 1 } });
});
