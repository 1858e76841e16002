import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

interface Peer {
  /** The folder below .cache/peers, into which scripts/peers.mjs unpacks it. */
  readonly folder?: string;
  readonly command: string;
  /** Its possible names on PATH; old versions are not used from there. */
  readonly path: readonly string[];
}

const PEERS = {
  prometheus: { folder: 'prometheus', command: 'prometheus', path: ['prometheus'] },
  promtool: { folder: 'promtool', command: 'promtool', path: ['promtool'] },
  alertmanager: {
    folder: 'alertmanager',
    command: 'prometheus-alertmanager',
    path: ['alertmanager', 'prometheus-alertmanager'],
  },
  amtool: { folder: 'alertmanager', command: 'amtool', path: ['amtool'] },
  blackbox_exporter: {
    folder: 'blackbox_exporter',
    command: 'prometheus-blackbox-exporter',
    path: ['blackbox_exporter', 'prometheus-blackbox-exporter'],
  },
  node_exporter: {
    folder: 'node_exporter',
    command: 'prometheus-node-exporter',
    path: ['node_exporter', 'prometheus-node-exporter'],
  },
  'prometheus-old': { folder: 'prometheus-old', command: 'prometheus', path: [] },
  'promtool-old': { folder: 'prometheus-old', command: 'promtool', path: [] },
  'alertmanager-old': { folder: 'alertmanager-old', command: 'prometheus-alertmanager', path: [] },
  'amtool-old': { folder: 'alertmanager-old', command: 'amtool', path: [] },
  'redis-server': { command: 'redis-server', path: ['redis-server'] },
  ping: { command: 'ping', path: ['ping'] },
  strace: { command: 'strace', path: ['strace'] },
} satisfies Record<string, Peer>;

export type PeerName = keyof typeof PEERS;

const ROOT = join(import.meta.dirname, '../../..');

/**
 * The path of a real server or tool that tests run against.
 * @throws Error with how to install it, when it is missing
 */
export function peer(name: PeerName): string {
  const found = find(PEERS[name]);
  if (found !== undefined) return found;
  throw new Error(
    `${name} is not here: \`node scripts/peers.mjs\` fetches it (Debian's apt-get), or put it on PATH`,
  );
}

/** The missing ones of these programs. */
export function missingPeers(names: readonly PeerName[]): PeerName[] {
  return names.filter((name) => find(PEERS[name]) === undefined);
}

function find({ folder, command, path }: Peer): string | undefined {
  const fetched = folder === undefined ? [] : [join(ROOT, '.cache/peers', folder, 'usr/bin', command)];
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  const onPath = path.flatMap((name) => folders.map((each) => join(each, name)));
  return [...fetched, ...onPath].find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
