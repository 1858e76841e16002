import { systemClock } from '../../../src/domain/clock.ts';
import { open } from '../../../src/http/guard.ts';
import { ClientDisconnects } from '../../../src/http/client-disconnects.ts';
import { ConcurrencyLimiter, type ConcurrencyLimits } from '../../../src/http/concurrency-limiter.ts';
import { ReadResponder, type ReadResponderOptions } from '../../../src/http/reads/read-responder.ts';
import { SendBuffers } from '../../../src/http/send-buffers.ts';

const ROOMY: ConcurrencyLimits = { max: 64, maxPerAddress: 64, reserved: 0 };

/** The limits of reads of a server under test: by default with places for all. */
export function testReads(more: Partial<ReadResponderOptions> = {}): ReadResponder {
  return new ReadResponder({
    authorize: open,
    limiter: new ConcurrencyLimiter(() => ROOMY),
    clientOf: ({ socket }) => ({ address: socket.remoteAddress ?? '', authenticated: false }),
    sendBuffers: new SendBuffers(() => 64 * 2 ** 20),
    clientDisconnects: new ClientDisconnects(systemClock),
    connections: { resetStalled: (socket) => socket.resetAndDestroy() },
    rejectedClientsLog: { record: () => undefined },
    sendMs: () => 60_000,
    clock: systemClock,
    ...more,
  });
}
