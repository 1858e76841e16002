import { join } from 'node:path';
import { defineFamily, sample, type Family, type Labels, type Sample } from '../../../metrics/family.ts';
import { CollectorError, type CollectorOptions } from '../../collector.ts';
import { entries, readAttribute } from '../../procfile.ts';
import { textsOf } from '../../slow-read.ts';

function gauge(name: string, help: string, labels: readonly string[] = []): Family {
  return defineFamily('gauge', `node_disk_${name}`, help, ['device', ...labels]);
}

const info = gauge('info', 'Info of the block device from /sys/block, value is always 1.', [
  'major',
  'minor',
  'path',
  'wwn',
  'model',
  'serial',
  'revision',
  'rotational',
]);
const filesystemInfo = gauge('filesystem_info', 'Info about disk filesystem, value is always 1.', [
  'type',
  'usage',
  'uuid',
  'version',
]);
const mapperInfo = gauge('device_mapper_info', 'Info about disk device mapper, value is always 1.', [
  'name',
  'uuid',
  'vg_name',
  'lv_name',
  'lv_layer',
]);

/** By the property of udev that has the value. */
const ATA: readonly (readonly [property: string, family: Family])[] = [
  ['ID_ATA_WRITE_CACHE', gauge('ata_write_cache', 'ATA disk has a write cache.')],
  ['ID_ATA_WRITE_CACHE_ENABLED', gauge('ata_write_cache_enabled', 'ATA disk has its write cache enabled.')],
  [
    'ID_ATA_ROTATION_RATE_RPM',
    gauge('ata_rotation_rate_rpm', 'ATA disk rotation rate in RPMs (0 for SSDs).'),
  ],
];

export const identityFamilies: readonly Family[] = [
  info,
  filesystemInfo,
  mapperInfo,
  ...ATA.map(([, family]) => family),
];

/** Whether a disk is rotational does not change; reading it may wait while the disk is being reconfigured. */
const REDISCOVER_MS = 60_000;

/** A disk and its number. */
export interface Disk {
  readonly device: string;
  readonly major: string;
  readonly minor: string;
}

/** The identity of disks from udev and /sys; without both, only their numbers. */
export class DiskIdentity {
  readonly #udev: string;
  readonly #options: CollectorOptions;
  #haveUdev = false;
  #rotational: ReadonlyMap<string, string> = new Map();
  #discoveredAt = -Infinity;

  constructor(options: CollectorOptions) {
    this.#options = options;
    this.#udev = join(options.rootfs, 'run', 'udev', 'data');
  }

  /** To be called before `describe`; new disks are read at once, the others once a minute. */
  async refresh(devices: readonly string[], signal: AbortSignal): Promise<void> {
    const { clock, sysfs, readSlow } = this.#options;
    const known = devices.every((device) => this.#rotational.has(device));
    if (known && clock.monotonic() - this.#discoveredAt < REDISCOVER_MS) return;
    this.#discoveredAt = clock.monotonic();
    this.#haveUdev = entries(this.#udev).length > 0;
    const path = (device: string) => join(sysfs, 'block', device, 'queue', 'rotational');
    const texts = await readSlow(devices.map(path), signal).then(textsOf, nothing);
    this.#rotational = new Map(devices.map((device) => [device, texts.get(path(device)) ?? '0']));
  }

  describe({ device, major, minor }: Disk): Sample[] {
    const udev = this.#haveUdev ? parseUdev(readAttribute(this.#udev, `b${major}:${minor}`) ?? '') : NOTHING;
    const get = (property: string) => udev.get(property) ?? '';
    const labels = {
      device,
      major,
      minor,
      path: get('ID_PATH'),
      wwn: get('ID_WWN'),
      model: get('ID_MODEL'),
      serial: get('SCSI_IDENT_SERIAL') || get('ID_SERIAL_SHORT') || get('ID_SERIAL'),
      revision: get('ID_REVISION'),
      rotational: this.#rotational.get(device) ?? '0',
    };
    return [sample(info, 1, labels), ...layers(device, get), ...ata(device, udev)];
  }
}

const NOTHING: ReadonlyMap<string, string> = new Map();

function nothing(error: unknown): ReadonlyMap<string, string> {
  if (!(error instanceof CollectorError)) throw error;
  return NOTHING;
}

function layers(device: string, get: (property: string) => string): Sample[] {
  const filesystem: Labels = {
    device,
    type: get('ID_FS_TYPE'),
    usage: get('ID_FS_USAGE'),
    uuid: get('ID_FS_UUID'),
    version: get('ID_FS_VERSION'),
  };
  const mapper: Labels = {
    device,
    name: get('DM_NAME'),
    uuid: get('DM_UUID'),
    vg_name: get('DM_VG_NAME'),
    lv_name: get('DM_LV_NAME'),
    lv_layer: get('DM_LV_LAYER'),
  };
  return [
    ...(filesystem['type'] === '' ? [] : [sample(filesystemInfo, 1, filesystem)]),
    ...(mapper['name'] === '' ? [] : [sample(mapperInfo, 1, mapper)]),
  ];
}

function ata(device: string, udev: ReadonlyMap<string, string>): Sample[] {
  if ((udev.get('ID_ATA') ?? '') === '') return [];
  return ATA.flatMap(([property, family]) => {
    const text = udev.get(property) ?? '';
    return /^\d{1,9}$/.test(text) ? [sample(family, Number(text), { device })] : [];
  });
}

/** The lines `E:KEY=value` of udev's database. */
function parseUdev(text: string): Map<string, string> {
  const properties = new Map<string, string>();
  for (const line of text.split('\n')) {
    const equals = line.indexOf('=');
    if (line.startsWith('E:') && equals !== -1) properties.set(line.slice(2, equals), line.slice(equals + 1));
  }
  return properties;
}
