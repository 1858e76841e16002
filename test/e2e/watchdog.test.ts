import { expect, it } from '@jest/globals';
import { describeWithPeers } from '../support/processes/peers.ts';
import { runWatchdog } from './scenarios/watchdog.ts';

describeWithPeers(['prometheus', 'alertmanager'], 'a Prometheus that dies', () => {
  it('is reported within two expect_every, degrades /health and stops the ping, until it is back', async () => {
    const expectEverySeconds = 6;
    const record = await runWatchdog({ expectEverySeconds, intervalSeconds: 1, hurried: true });
    expect(record.types.slice(0, 2)).toEqual(['tocsin.watchdog.lost', 'tocsin.watchdog.restored']);
    const silence = Date.parse(record.event.time) - Date.parse(String(record.event.data['last_seen']));
    // an end that Alertmanager reports counts at once
    const earliest = record.event.data['cause'] === 'ended' ? 0 : expectEverySeconds * 1_000;
    expect(silence).toBeGreaterThanOrEqual(earliest);
    expect(silence).toBeLessThanOrEqual(2 * expectEverySeconds * 1_000);
    expect(record.lastPing).toBe(0);
    expect(record.silentFor).toBeGreaterThanOrEqual(2 * expectEverySeconds);
    expect(record.event.data).toMatchObject({ watchdog: 'prometheus', expect_every: expectEverySeconds });
  });
});
