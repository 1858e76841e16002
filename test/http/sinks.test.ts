import { afterEach, it } from '@jest/globals';
import type { SinkView } from '../../src/events/sinks/sinks.ts';
import { createSinksRoute } from '../../src/http/routes/sinks.ts';
import { serveHandlers, type HttpRig } from '../support/http/http-rig.ts';
import { testReads } from '../support/http/reads.ts';

const SINKS: readonly SinkView[] = [
  { name: 'bus', type: 'redis', after: 'e1-7', lag: 0 },
  { name: 'out', type: 'http', after: 'e1-3', lag: 4, failing: 'HTTP 503' },
];

let rig: HttpRig | undefined;
afterEach(async () => {
  await rig?.close();
  rig = undefined;
});

async function serve(sinks: readonly SinkView[] = SINKS): Promise<HttpRig['http']> {
  const refused = { id: 'e1-2', at: Date.parse('2026-01-01T00:00:00Z'), reason: 'HTTP 422' };
  const ledger = { deadLetters: (sink: string) => Promise.resolve(sink === 'out' ? [refused] : []) };
  rig = await serveHandlers([createSinksRoute({ sinks: () => sinks, ledger, reads: testReads() })]);
  return rig.http;
}

it('reports where each sink is, why it fails, and which events it refused', async () => {
  const http = await serve();
  await http.get('/api/v1/sinks').expect(200, {
    sinks: [
      { name: 'bus', type: 'redis', after: 'e1-7', lag: 0, failing: null, dead_letters: [] },
      {
        ...{ name: 'out', type: 'http', after: 'e1-3', lag: 4, failing: 'HTTP 503' },
        dead_letters: [{ id: 'e1-2', at: '2026-01-01T00:00:00.000Z', reason: 'HTTP 422' }],
      },
    ],
  });
});

it('lists no sinks where none is configured, and refuses parameters', async () => {
  const http = await serve([]);
  await http.get('/api/v1/sinks').expect(200, { sinks: [] });
  await http.get('/api/v1/sinks?limit=5').expect(400);
});
