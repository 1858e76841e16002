import { describe, expect, it } from '@jest/globals';
import { warnOfReplays } from '../../src/app/replay-warnings.ts';
import type { HmacConfig } from '../../src/config/types.ts';
import { Secret } from '../../src/domain/secret.ts';
import { recordingLogger } from '../support/recording-logger.ts';

const hmac: HmacConfig = { secret: new Secret('s'), header: 'x-grafana-alerting-signature' };

describe('warnOfReplays', () => {
  it('names the webhooks whose signatures have no timestamp', () => {
    const { logger, lines } = recordingLogger();
    const webhooks = [
      { name: 'open', tokens: [], hmac },
      { name: 'timed', tokens: [], hmac: { ...hmac, timestampHeader: 'x-ts' } },
      { name: 'plain', tokens: [] },
    ];
    warnOfReplays({ webhooks }, logger);
    expect(lines).toEqual([expect.objectContaining({ level: 'warn', webhooks: ['open'] })]);
  });

  it('is silent where all webhooks are protected', () => {
    const { logger, lines } = recordingLogger();
    warnOfReplays({ webhooks: [{ name: 'plain', tokens: [] }] }, logger);
    expect(lines).toEqual([]);
  });
});
