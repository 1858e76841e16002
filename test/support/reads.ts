import { systemClock } from '../../src/domain/clock.ts';
import { open } from '../../src/http/guard.ts';
import { Departures } from '../../src/http/client-disconnects.ts';
import { Places, type PlaceLimits } from '../../src/http/places.ts';
import { Reads, type ReadsOptions } from '../../src/http/reads/reads.ts';
import { Unsent } from '../../src/http/send-buffers.ts';

const ROOMY: PlaceLimits = { max: 64, maxPerAddress: 64, reserved: 0 };

/** The limits of reads of a server under test: by default with places for all. */
export function testReads(more: Partial<ReadsOptions> = {}): Reads {
  return new Reads({
    authorize: open,
    places: new Places(() => ROOMY),
    client: ({ socket }) => ({ address: socket.remoteAddress ?? '', proven: false }),
    unsent: new Unsent(() => 64 * 2 ** 20),
    departures: new Departures(systemClock),
    connections: { cutOff: (socket) => socket.resetAndDestroy() },
    unserved: { note: () => undefined },
    sendMs: () => 60_000,
    clock: systemClock,
    ...more,
  });
}
