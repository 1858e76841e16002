import { defineFamily, sample, type Family, type Labels, type Sample } from '../../../metrics/family.ts';
import { CollectorError, type Collector, type CollectorInstance } from '../../collector.ts';
import { fields, netFolder, readNetFile, unsigned } from '../../procfile.ts';

/** The columns of /proc/net/dev, in its order. @see https://man7.org/linux/man-pages/man5/proc_pid_net.5.html */
const COLUMNS: readonly Family[] = [
  column('receive_bytes', 'Bytes received.'),
  column('receive_packets', 'Packets received.'),
  column('receive_errs', 'Packets received with an error.'),
  column('receive_drop', 'Packets received and dropped.'),
  column('receive_fifo', 'Overruns of the receive queue.'),
  column('receive_frame', 'Packets received with a framing error.'),
  column('receive_compressed', 'Compressed packets received.'),
  column('receive_multicast', 'Multicast packets received.'),
  column('transmit_bytes', 'Bytes sent.'),
  column('transmit_packets', 'Packets sent.'),
  column('transmit_errs', 'Packets that could not be sent because of an error.'),
  column('transmit_drop', 'Packets dropped before they were sent.'),
  column('transmit_fifo', 'Underruns of the send queue.'),
  column('transmit_colls', 'Collisions while sending.'),
  column('transmit_carrier', 'Losses of carrier while sending.'),
  column('transmit_compressed', 'Compressed packets sent.'),
];

function column(name: string, help: string): Family {
  return defineFamily('counter', `node_network_${name}_total`, help, ['device']);
}

/** The counters of the network devices. */
export const netdev: Collector = {
  name: 'netdev',
  families: COLUMNS,
  create: ({ procfs }) => new NetdevCollector(procfs),
};

class NetdevCollector implements CollectorInstance {
  readonly #procfs: string;
  #devices = new Map<string, Labels>();

  constructor(procfs: string) {
    this.#procfs = procfs;
  }

  collect(): Sample[] {
    const devices = new Map<string, Labels>();
    const samples: Sample[] = [];
    const text = readNetFile(this.#procfs, 'dev');
    if (!text.startsWith('Inter-|')) {
      throw new CollectorError(
        `${netFolder(this.#procfs)}/dev is not a table of devices: expected "Inter-|   Receive …"`,
      );
    }
    for (const [device, columns] of deviceLines(text)) {
      if (devices.has(device)) continue;
      const labels = this.#devices.get(device) ?? { device };
      devices.set(device, labels);
      COLUMNS.forEach((family, i) => {
        const value = unsigned(columns[i]);
        if (value !== undefined) samples.push(sample(family, value, labels));
      });
    }
    this.#devices = devices;
    return samples;
  }
}

/** Each device and its columns; the name ends at the last colon, because aliases such as `eth0:1` contain one too. */
function* deviceLines(text: string): Generator<[string, string[]]> {
  for (const line of text.split('\n')) {
    const colon = line.lastIndexOf(':');
    const device = line.slice(0, Math.max(colon, 0)).trim();
    if (device !== '') yield [device, fields(line.slice(colon + 1))];
  }
}
