import { describe, it } from '@jest/globals';
import { missingPeers, peer, type PeerName } from './peer-programs.ts';

export { peer };

/**
 * `describe` for suites that need real servers. Where one is missing the suite is left out with a message on stderr;
 * with CI=true it fails instead.
 */
export function describeWithPeers(names: readonly PeerName[], title: string, body: () => void): void {
  const missing = missingPeers(names);
  if (missing.length === 0) {
    describe(title, body);
    return;
  }
  describe(title, () => {
    it(`is LEFT OUT, missing: ${missing.join(', ')}`, () => {
      if (process.env['CI'] === 'true') missing.forEach(peer);
      process.stderr.write(`${title}: LEFT OUT, missing: ${missing.join(', ')}\n`);
    });
  });
}
