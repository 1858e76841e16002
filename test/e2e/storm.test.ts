import { expect, it } from '@jest/globals';
import { describeWithPeers } from '../support/peers.ts';
import { startStormedTocsin } from '../support/storm/servers.ts';
import { temporaryFolder } from '../support/tocsin.ts';
import { runStorm, total } from './scenarios/storm.ts';

describeWithPeers(['prometheus'], 'a scrape storm', () => {
  it('causes no log lines and no failed scrapes of Prometheus, and every client is counted', async () => {
    await using folder = temporaryFolder();
    // shorter limits than the default, so that the clients that hold on are cut off within the test
    const config = 'server: { header_timeout: 2s, request_timeout: 4s }\n';
    const server = await startStormedTocsin({ folder: folder.path, checks: 300, intervalSeconds: 3, config });
    try {
      const record = await runStorm(server, {
        seconds: 9,
        // a busy machine may need more than the second that the full size allows
        scrapeSeconds: 4,
        clientsPerSecond: 200,
        from: 'many',
        settleSeconds: 200,
        restSeconds: 0,
      });
      expect(record.lines.above).toEqual([]);
      expect(record.lines.all).toBeLessThanOrEqual(1);
      expect(record.prometheus.scrapes).toBeGreaterThanOrEqual(2);
      expect(record.prometheus.failed).toBe(0);
      expect(record.socketsBackSeconds).toBeDefined();
      const { connections, scrapes } = record.accounts ?? { connections: {}, scrapes: {} };
      expect(total(connections)).toBe(record.clients);
      expect(scrapes['aborted']).toBeGreaterThan(record.clients * 0.3);
      expect(scrapes['failed']).toBe(0);
      expect(connections).toMatchObject({ limited: 0, refused: 0, malformed: 0 });
    } finally {
      await server.stop();
    }
  });
});
