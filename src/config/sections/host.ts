import { z } from 'zod';
import type { ConfigContext } from '../schema/context.ts';
import { key, mapping } from '../schema/mapping.ts';
import type { Values } from '../schema/mapping.ts';
import { suggest } from '../reading/nearest.ts';
import { pathIn } from '../schema/values.ts';

const collectorsKeys = ({ collectors }: Pick<ConfigContext, 'collectors'>) => {
  const collector = z
    .string()
    .refine((given) => collectors.includes(given), {
      error: ({ input }) =>
        `unknown collector "${String(input)}"; ${suggest(String(input), collectors, 'collectors')}`,
    })
    .meta({ enum: [...collectors] });
  const known = [...collectors].sort().map((each) => `\`${each}\``);
  return {
    disable: key('disable', z.array(collector).prefault([]), `collectors to leave out: ${known.join(', ')}`),
  };
};

/** The keys of `host`. */
export const hostKeys = (context: Pick<ConfigContext, 'files' | 'collectors'>) => {
  const path = pathIn(context.files);
  return {
    enabled: key('enabled', z.boolean().prefault(true), '`false` leaves them out'),
    procfs: key('procfs', path.prefault('/proc'), "where procfs is mounted: in a container, the host's"),
    sysfs: key('sysfs', path.prefault('/sys'), "where sysfs is mounted: in a container, the host's"),
    rootfs: key(
      'rootfs',
      path.prefault('/'),
      "where the root file system is mounted: in a container, the host's",
    ),
    textfile: key(
      'textfile',
      z.array(path).prefault([]),
      'folders whose `*.prom` files are served too; `*`, `?` and `[…]` match. See [host](host.md#textfiles)',
    ),
    collectors: key(
      'collectors',
      mapping(collectorsKeys(context)).prefault({}),
      'the collectors that run: all but the disabled ones',
    ),
  };
};

export type HostConfig = Values<ReturnType<typeof hostKeys>>;
