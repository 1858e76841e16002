import { describe, expect, it } from '@jest/globals';
import { createLogger, withoutRepeats } from '../../src/log/logger.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { recordingLogger } from '../support/recording-logger.ts';

describe('the logger', () => {
  it('writes JSON lines with level, time and message, and counts them', () => {
    const lines: string[] = [];
    const levels: string[] = [];
    const logger = createLogger({
      level: 'info',
      destination: { write: (line: string) => void lines.push(line) },
      onLine: (level) => levels.push(level),
    });
    logger.info({ url: 'http://127.0.0.1:1' }, 'listening');
    logger.debug({}, 'not written');
    expect(lines).toHaveLength(1);
    const line: unknown = JSON.parse(lines[0] ?? '');
    expect(line).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      url: 'http://127.0.0.1:1',
      msg: 'listening',
    });
    expect(levels).toEqual(['info']);
  });

  it('never writes a secret', () => {
    const lines: string[] = [];
    const logger = createLogger({
      level: 'debug',
      destination: { write: (line: string) => void lines.push(line) },
    });
    logger.warn({ token: 'hunter2', headers: { authorization: 'Bearer hunter2' }, password: 'hunter2' }, 'x');
    expect(lines.join('')).not.toContain('hunter2');
  });
});

describe('repeated warnings', () => {
  it('are written once, then counted for a minute and reported in one line', async () => {
    const clock = new ManualClock();
    const { logger, lines } = recordingLogger();
    const calm = withoutRepeats(logger, clock);
    for (let i = 0; i < 1_000; i++) calm.warn({ i }, 'the ledger is busy');
    calm.warn({}, 'something else');
    expect(lines.map(({ message }) => message)).toEqual(['the ledger is busy', 'something else']);
    await clock.advance(60_000);
    expect(lines).toHaveLength(3);
    expect(lines[2]).toMatchObject({ level: 'warn', repeats: 999, i: 999 });
    calm.warn({}, 'the ledger is busy');
    expect(lines).toHaveLength(4);
  });

  it('are distinguished where a configuration has another mistake', () => {
    const { logger, lines } = recordingLogger();
    const calm = withoutRepeats(logger, new ManualClock());
    for (const message of ['no target', 'no name', 'no target', 'no interval'])
      calm.error({ count: 1, problems: [{ message }] }, 'not reloaded');
    expect(lines).toHaveLength(3);
  });

  it('are distinguished where they are about different things', () => {
    const { logger, lines } = recordingLogger();
    const calm = withoutRepeats(logger, new ManualClock());
    for (const sink of ['bus', 'cloud', 'bus']) calm.warn({ sink, reason: Math.random() }, 'a sink fails');
    expect(lines.map((line) => line['sink'])).toEqual(['bus', 'cloud']);
    for (const file of ['a.prom', 'b.prom', 'c.prom', 'b.prom']) calm.warn({ file }, 'textfile rejected');
    expect(lines.slice(2).map((line) => line['file'])).toEqual(['a.prom', 'b.prom', 'c.prom']);
  });
});
