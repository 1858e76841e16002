import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { peer } from '../processes/peer-programs.ts';
import { startProcess, type RunningProcess } from '../processes/process.ts';

export type AlertmanagerName = 'alertmanager' | 'alertmanager-old';

const SHOW_TEMPLATES = `mount -t tmpfs tmpfs /usr/share && mkdir /usr/share/prometheus &&
ln -s "$1" /usr/share/prometheus/alertmanager && shift && exec "$@"`;

/**
 * Starts a real Alertmanager. Debian's reads its default templates from /usr/share, where a package that was only
 * unpacked has none: it gets a private /usr/share, in a mount namespace, and the system is unchanged.
 */
export async function startAlertmanager(
  name: AlertmanagerName,
  args: readonly string[],
  url: string,
): Promise<RunningProcess> {
  const command = peer(name);
  const templates = join(command, '../../share/prometheus/alertmanager');
  const ready = async () => (await fetch(`${url}/-/ready`)).ok;
  if (!existsSync(templates)) return startProcess(command, args, { ready });
  const user = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  const wrapped = ['--mount', ...user, 'sh', '-c', SHOW_TEMPLATES, 'sh', templates, command, ...args];
  return startProcess('unshare', wrapped, { ready });
}
