import { describe, expect, it } from '@jest/globals';
import { RejectedClientsLog } from '../../src/http/rejected-clients-log.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { recordingLogger } from '../support/recording-logger.ts';

function create() {
  const clock = new ManualClock();
  const { logger, lines } = recordingLogger();
  return { clock, lines, unserved: new RejectedClientsLog({ clock, logger }) };
}

describe('rejected clients', () => {
  it('are logged in one line a minute, at debug, however many there are', async () => {
    const { clock, lines, unserved } = create();
    for (let i = 0; i < 12_000; i++) {
      unserved.record(i % 3 === 0 ? 'scrape limited' : 'scrape aborted sending', `192.0.2.${i % 100}`);
      unserved.record('connection timeout', '198.51.100.7');
      await clock.advance(10);
    }
    await clock.advance(60_000);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toEqual({
      level: 'debug',
      message: 'clients were not served',
      counts: { 'scrape limited': 2_000, 'scrape aborted sending': 4_000, 'connection timeout': 6_000 },
      addresses: 101,
      busiest: { address: '198.51.100.7', times: 6_000 },
    });
  });

  it('log nothing without any', async () => {
    const { clock, lines, unserved } = create();
    await clock.advance(600_000);
    unserved.record('scrape limited', '192.0.2.1');
    await clock.advance(600_000);
    expect(lines).toHaveLength(1);
    expect(clock.timers).toBe(0);
  });

  it('are counted by address for a bounded number of addresses', async () => {
    const { clock, lines, unserved } = create();
    for (let i = 0; i < 50_000; i++) unserved.record('scrape limited', `2001:db8::${i.toString(16)}`);
    await clock.advance(60_000);
    expect(lines[0]).toMatchObject({ counts: { 'scrape limited': 50_000 }, addresses: 1_000 });
  });
});
