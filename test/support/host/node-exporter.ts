import { peer } from '../processes/peers.ts';
import { startProcess } from '../processes/process.ts';
import type { HostPaths } from './trees.ts';

/** Mount points that node_exporter ignores by default, without the one that Debian's package adds. */
const EXCLUDED_MOUNTS =
  '^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)';

/** Starts a node_exporter with these collectors only, reads its metrics once, and stops it. */
export async function readNodeExporter(
  collectors: readonly string[],
  args: readonly string[] = [],
  env?: Readonly<Record<string, string>>,
): Promise<string> {
  const exporter = await startProcess(
    peer('node_exporter'),
    [
      '--web.listen-address=127.0.0.1:0',
      '--web.disable-exporter-metrics',
      '--collector.disable-defaults',
      ...collectors.map((name) => `--collector.${name}`),
      '--no-collector.netdev.netlink',
      '--collector.netclass.ignore-invalid-speed',
      `--collector.filesystem.mount-points-exclude=${EXCLUDED_MOUNTS}`,
      ...args,
    ],
    { ready: /Listening on.*address=(127\.0\.0\.1:\d+)/, ...(env && { env }) },
  );
  try {
    return await (await fetch(`http://${exporter.match?.[1] ?? ''}/metrics`)).text();
  } finally {
    await exporter.stop();
  }
}

/** Flags that make it read another host. */
export function pathsOf({ procfs, sysfs, rootfs }: HostPaths): string[] {
  return [
    `--path.procfs=${procfs}`,
    `--path.sysfs=${sysfs}`,
    `--path.rootfs=${rootfs}`,
    `--path.udev.data=${rootfs}/run/udev/data`,
  ];
}
