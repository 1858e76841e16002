import { join } from 'node:path';
import { defineFamily, sample, type Sample } from '../../../metrics/family.ts';
import {
  AbsentError,
  type Collector,
  type CollectorInstance,
  type CollectorOptions,
} from '../../collector.ts';
import { parseOsRelease } from './os-release.ts';
import { textsOf } from '../../slow-read.ts';

const LABELS = [
  'build_id',
  'id',
  'id_like',
  'image_id',
  'image_version',
  'name',
  'pretty_name',
  'variant',
  'variant_id',
  'version',
  'version_codename',
  'version_id',
];
const info = defineFamily(
  'gauge',
  'node_os_info',
  'Information about the distribution from os-release(5), value is always 1.',
  LABELS,
);
const version = defineFamily(
  'gauge',
  'node_os_version',
  'Metric containing the major.minor part of the OS version.',
  ['id', 'id_like', 'name'],
);
const supportEnd = defineFamily(
  'gauge',
  'node_os_support_end_timestamp_seconds',
  'Metric containing the end-of-life date timestamp of the OS.',
);

/** The distribution, from os-release. */
export const os: Collector = {
  name: 'os',
  families: [info, version, supportEnd],
  create: (options) => new OsCollector(options),
};

/**
 * Where a container finds its host's file.
 * @see https://systemd.io/CONTAINER_INTERFACE/
 */
const OF_THE_HOST = '/run/host/os-release';
/** A distribution is not replaced more often. */
const READ_AGAIN_MS = 60_000;

class OsCollector implements CollectorInstance {
  readonly #options: CollectorOptions;
  #samples: readonly Sample[] = [];
  #readAt = -Infinity;

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  async collect(signal: AbortSignal): Promise<readonly Sample[]> {
    const { clock, rootfs, readSlow } = this.#options;
    if (clock.monotonic() - this.#readAt < READ_AGAIN_MS) return this.#samples;
    const below = ['etc/os-release', 'usr/lib/os-release'].map((file) => join(rootfs, file));
    const paths = [...below, OF_THE_HOST];
    const texts = textsOf(await readSlow(paths, signal));
    const text = paths.map((path) => texts.get(path)).find((found) => found !== undefined);
    if (text === undefined) throw new AbsentError(`none of ${paths.join(', ')} can be read`);
    this.#samples = describe(parseOsRelease(text));
    this.#readAt = clock.monotonic();
    return this.#samples;
  }
}

function describe(release: ReadonlyMap<string, string>): Sample[] {
  const get = (label: string) => release.get(label.toUpperCase()) ?? '';
  const number = Number(/^[0-9]+\.?[0-9]*/.exec(get('version_id'))?.[0] ?? 0);
  const end = Date.parse(/^\d{4}-\d{2}-\d{2}$/.exec(get('support_end'))?.[0] ?? '');
  return [
    sample(info, 1, Object.fromEntries(LABELS.map((label) => [label, get(label)]))),
    ...(number > 0
      ? [sample(version, number, { id: get('id'), id_like: get('id_like'), name: get('name') })]
      : []),
    ...(Number.isNaN(end) ? [] : [sample(supportEnd, end / 1_000)]),
  ];
}
