import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { defineFamily, sample, type Family, type FamilyType, type Sample } from '../../../metrics/family.ts';
import { CollectorError, type Collector, type CollectorOptions } from '../../collector.ts';
import { TimeSlice } from '../../time-slice.ts';
import { readAttribute, signed } from '../../procfile.ts';
import { cachedCollector } from '../../cached-collector.ts';
import { textsOf } from '../../slow-read.ts';

function family(name: string, help: string, type: FamilyType = 'gauge'): Family {
  return defineFamily(type, `node_network_${name}`, help, ['device']);
}

const up = family('up', "Value is 1 if operstate is 'up', 0 otherwise.");
const info: Family = {
  ...family('info', 'Non-numeric data of the device, value is always 1.'),
  labels: ['device', 'address', 'broadcast', 'duplex', 'operstate', 'adminstate', 'ifalias'],
};
const speed = family('speed_bytes', 'Speed of the link, in bytes per second.');
const carrier = family(
  'carrier',
  '1 if the device has a carrier, 0 otherwise; absent while the device is down.',
);
const CARRIER = 'carrier';
const DUPLEX = 'duplex';
const SPEED = 'speed';

/** Files that hold a number. @see https://docs.kernel.org/admin-guide/abi-testing.html (sysfs-class-net) */
const NUMBERS: readonly (readonly [file: string, family: Family])[] = [
  [
    'addr_assign_type',
    family(
      'address_assign_type',
      'Origin of the address: 0 permanent, 1 random, 2 copied from another device, 3 set.',
    ),
  ],
  [
    'carrier_changes',
    family('carrier_changes_total', 'Number of times the carrier state changed.', 'counter'),
  ],
  ['carrier_up_count', family('carrier_up_changes_total', 'Number of times the carrier came up.', 'counter')],
  [
    'carrier_down_count',
    family('carrier_down_changes_total', 'Number of times the carrier went down.', 'counter'),
  ],
  ['dev_id', family('device_id', 'Number that distinguishes devices that share one address.')],
  [
    'dormant',
    family('dormant', '1 while the device waits for an external event, such as 802.1X authentication.'),
  ],
  ['flags', family('flags', 'Flags of the device, as in netdevice(7).')],
  ['ifindex', family('iface_id', 'Index of the device.')],
  [
    'iflink',
    family(
      'iface_link',
      'Index of the device that this one is linked to; its own index if it is not linked.',
    ),
  ],
  [
    'link_mode',
    family('iface_link_mode', '1 if user space decides when the device leaves the dormant state.'),
  ],
  ['mtu', family('mtu_bytes', 'Maximum transmission unit of the device, in bytes.')],
  ['netdev_group', family('net_dev_group', 'Group of the device.')],
  [
    'name_assign_type',
    family(
      'name_assign_type',
      'Origin of the name: 1 enumerated by the kernel, 2 predictable, 3 set by user space, 4 renamed.',
    ),
  ],
  ['tx_queue_len', family('transmit_queue_length', 'Length of the transmit queue, in packets.')],
  ['type', family('protocol_type', 'Type of hardware (ARPHRD_*): 1 is Ethernet.')],
];
/** 1,000,000 bits per second, the kernel's unit. */
const BYTES_PER_MEGABIT = 125_000;
const IFF_UP = 1n;

/** The properties of the network devices, from /sys/class/net. */
export const netclass: Collector = {
  name: 'netclass',
  families: [up, info, carrier, speed, ...NUMBERS.map(([, of]) => of)],
  create: (options) =>
    cachedCollector({ clock: options.clock, collect: (signal) => collect(options, signal) }),
};

/**
 * Most files are read from memory. For three of them the kernel asks the driver, with a lock that may be held for long:
 * those are read in the child.
 */
async function collect({ sysfs, clock, readSlow }: CollectorOptions, signal: AbortSignal): Promise<Sample[]> {
  const folder = join(sysfs, 'class', 'net');
  const devices = listDevices(folder);
  const slowFiles = devices.flatMap((device) =>
    [CARRIER, DUPLEX, SPEED].map((file) => join(folder, device, file)),
  );
  const reading = readSlow(slowFiles, signal);
  // Awaited below; until then nothing else handles a rejection.
  reading.catch(() => undefined);
  const pace = new TimeSlice(clock);
  const attributes: DeviceAttributes[] = [];
  for (const device of devices) {
    attributes.push(readDevice(folder, device));
    await pace.yieldIfSpent();
  }
  const slow = textsOf(await reading);
  return attributes.flatMap((one) => describe(one, (file) => slow.get(join(folder, one.device, file))));
}

/** The folder also has files, such as `bonding_masters`. */
function listDevices(folder: string): string[] {
  try {
    const found = readdirSync(folder, { withFileTypes: true }).filter((entry) => !entry.isFile());
    return found.map(({ name }) => name).sort();
  } catch (error) {
    throw new CollectorError(`cannot list ${folder}: ${String(error).replace(/^Error: /, '')}`, {
      cause: error,
    });
  }
}

/** The files that are read synchronously. */
interface DeviceAttributes {
  readonly device: string;
  readonly address: string;
  readonly broadcast: string;
  readonly operstate: string;
  readonly ifalias: string;
  readonly adminstate: string;
  readonly numbers: readonly Sample[];
}

function readDevice(folder: string, device: string): DeviceAttributes {
  const text = (file: string) => readAttribute(folder, device, file);
  const flags = text('flags');
  const labels = { device };
  return {
    device,
    address: text('address') ?? '',
    broadcast: text('broadcast') ?? '',
    operstate: text('operstate') ?? '',
    ifalias: text('ifalias') ?? '',
    adminstate: adminState(flags),
    numbers: NUMBERS.flatMap(([file, of]) => {
      const value = integer(file === 'flags' ? flags : text(file));
      return value === undefined ? [] : [sample(of, value, labels)];
    }),
  };
}

function describe(attributes: DeviceAttributes, slow: (file: string) => string | undefined): Sample[] {
  const { device, address, broadcast, operstate, ifalias, adminstate, numbers } = attributes;
  const linked = integer(slow(CARRIER));
  const megabits = integer(slow(SPEED));
  const duplex = slow(DUPLEX) ?? '';
  return [
    sample(up, operstate === 'up' ? 1 : 0, { device }),
    sample(info, 1, { device, address, broadcast, duplex, operstate, adminstate, ifalias }),
    ...numbers,
    ...(linked === undefined ? [] : [sample(carrier, linked, { device })]),
    // -1 is returned by drivers that do not know the speed.
    ...(megabits === undefined || megabits < 0
      ? []
      : [sample(speed, megabits * BYTES_PER_MEGABIT, { device })]),
  ];
}

const HEXADECIMAL = /^0x[0-9a-f]{1,16}$/i;

/** A decimal number, or a hexadecimal one with `0x`. */
function integer(text: string | undefined): number | undefined {
  return text !== undefined && HEXADECIMAL.test(text) ? Number(text) : signed(text);
}

function adminState(flags: string | undefined): string {
  if (integer(flags) === undefined) return 'unknown';
  return (BigInt(flags ?? '') & IFF_UP) === IFF_UP ? 'up' : 'down';
}
