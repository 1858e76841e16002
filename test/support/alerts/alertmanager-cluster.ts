import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startAlertmanager } from './alertmanager.ts';
import { freePort, type RunningProcess } from '../processes/process.ts';
import { until } from '../until.ts';

export interface ClusterOptions {
  readonly folder: string;
  readonly peerTimeoutSeconds: number;
  /** The configuration file. */
  readonly config: string;
}

/** Two Alertmanagers that gossip over the loopback. */
export class AlertmanagerCluster {
  readonly #options: ClusterOptions;
  readonly #web: readonly number[];
  readonly #gossip: readonly number[];
  readonly #running: (RunningProcess | undefined)[] = [];

  private constructor(options: ClusterOptions, ports: readonly number[]) {
    this.#options = options;
    this.#web = ports.slice(0, 2);
    this.#gossip = ports.slice(2);
  }

  static async start(options: ClusterOptions): Promise<AlertmanagerCluster> {
    const ports: number[] = [];
    for (let i = 0; i < 4; i++) ports.push(await freePort());
    const cluster = new AlertmanagerCluster(options, ports);
    cluster.configure(options.config);
    await Promise.all([cluster.startPeer(0), cluster.startPeer(1)]);
    await cluster.settled();
    return cluster;
  }

  get urls(): readonly string[] {
    return this.#web.map((port) => `http://127.0.0.1:${port}`);
  }

  async startPeer(index: 0 | 1): Promise<void> {
    const { folder, peerTimeoutSeconds } = this.#options;
    const args = [
      `--config.file=${join(folder, 'alertmanager.yml')}`,
      `--storage.path=${join(folder, `alertmanager-${index}`)}`,
      `--web.listen-address=127.0.0.1:${this.#web[index] ?? 0}`,
      `--cluster.listen-address=127.0.0.1:${this.#gossip[index] ?? 0}`,
      `--cluster.peer=127.0.0.1:${this.#gossip[1 - index] ?? 0}`,
      `--cluster.peer-timeout=${peerTimeoutSeconds}s`,
      '--cluster.reconnect-interval=1s',
      // ten of these are between two checks whether the cluster has settled
      '--cluster.gossip-interval=50ms',
      '--log.level=debug',
    ];
    this.#running[index] = await startAlertmanager('alertmanager', args, this.urls[index] ?? '');
  }

  /** Resolves when each of them knows both. */
  async settled(): Promise<void> {
    for (const url of this.urls) {
      await until(
        async () => {
          const status = (await (await fetch(`${url}/api/v2/status`)).json()) as ClusterStatus;
          return status.cluster.status === 'ready' && status.cluster.peers.length === 2;
        },
        { everyMs: 200, what: 'a cluster of two' },
      );
    }
  }

  /**
   * Resolves when each running peer is done with what it was about to send for the groups of this `alertname`. A peer
   * sends an alert as it was when the flush began, which may be a second or more ago, and what it sent then is what
   * its log has.
   */
  async flushed(alertname: string): Promise<void> {
    const label = `alertname=\\"${alertname}\\"`;
    for (const peer of this.#running) {
      if (peer === undefined) continue;
      const before = flushes(peer, label);
      await until(
        () => {
          const now = flushes(peer, label);
          // the flushes of a group are sequential: when the second from now starts, the one before it is over
          return now.size > 0 && [...now].every(([group, count]) => count >= (before.get(group) ?? 0) + 2);
        },
        { everyMs: 100, what: `two more flushes of ${alertname}` },
      );
    }
  }

  async killPeer(index: 0 | 1): Promise<void> {
    await this.#running[index]?.stop('SIGKILL');
    this.#running[index] = undefined;
  }

  /** Writes another configuration; both load it. */
  async reload(config: string): Promise<void> {
    this.configure(config);
    await Promise.all(this.urls.map((url) => fetch(`${url}/-/reload`, { method: 'POST' })));
  }

  configure(config: string): void {
    writeFileSync(join(this.#options.folder, 'alertmanager.yml'), config);
  }

  async stop(): Promise<void> {
    for (const one of this.#running) await one?.stop();
  }
}

/** How often each group was flushed, according to the log. */
function flushes(peer: RunningProcess, label: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const [, group = ''] of peer.output().matchAll(/msg=flushing .*?aggrGroup="((?:[^"\\]|\\.)*)"/g)) {
    if (group.includes(label)) counts.set(group, (counts.get(group) ?? 0) + 1);
  }
  return counts;
}

interface ClusterStatus {
  readonly cluster: { readonly status: string; readonly peers: readonly unknown[] };
}
