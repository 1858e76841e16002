import { expect, it } from '@jest/globals';
import { describeWithPeers } from '../support/processes/peers.ts';
import { startStormedTocsin } from '../support/storm/servers.ts';
import { temporaryFolder } from '../support/processes/tocsin.ts';
import { runStorm, total } from './scenarios/storm.ts';

describeWithPeers(['prometheus'], 'a scrape storm', () => {
  it('causes no log lines and no failed scrapes of Prometheus, and every client is counted', async () => {
    await using folder = temporaryFolder();
    // shorter limits than the default, so that the clients that hold on are cut off within the test
    const config = 'server: { header_timeout: 2s, request_timeout: 4s }\n';
    const server = await startStormedTocsin({ folder: folder.path, checks: 300, intervalSeconds: 3, config });
    // a busy machine may need more than the second that the full size allows
    const scrapeSeconds = 8;
    try {
      const record = await runStorm(server, {
        ...{ seconds: 18, clientsPerSecond: 100, scrapeSeconds },
        from: 'many',
        settleSeconds: 200,
        restSeconds: 0,
      });
      expect(record.lines.above).toEqual([]);
      expect(record.prometheus.scrapes).toBeGreaterThanOrEqual(2);
      expect(record.prometheus.failed).toBe(0);
      expect(record.socketsBackSeconds).toBeDefined();
      const { connections, scrapes, seconds } = record.accounts ?? {
        connections: {},
        scrapes: {},
        seconds: 0,
      };
      // one summary a minute
      expect(record.lines.all).toBeLessThanOrEqual(seconds / 60 + 1);
      expect(total(connections)).toBe(record.clients);
      expect(connections).toMatchObject({ limited: 0, refused: 0, malformed: 0 });
      expect(scrapes['failed']).toBe(0);
      expect(scrapes['aborted']).toBeGreaterThan(0);
      // four of nine wait for their response; which of the others are read before they disconnect is a matter of pace
      const asked = (connections['used'] ?? 0) + (connections['stalled'] ?? 0);
      expect(asked).toBeGreaterThan(record.clients * 0.4);
      // each of them is counted once, and so is each scrape of Prometheus
      const others = total(scrapes) - asked;
      expect(others).toBeGreaterThanOrEqual(record.prometheus.scrapes - 1);
      expect(others).toBeLessThanOrEqual(seconds / scrapeSeconds + 2);
    } finally {
      await server.stop();
    }
  });
});
