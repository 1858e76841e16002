import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { peer } from '../processes/peer-programs.ts';
import { freePort, startProcess, type RunningProcess } from '../processes/process.ts';

/**
 * The target of Prometheus servers: each scrapes its own values, with the same labels, as a pair without replica
 * labels.
 */
export class LifeTarget implements AsyncDisposable {
  readonly #server: Server;
  /** By the path of a Prometheus, which instances fire (1), and which did before (0). */
  readonly #firing = new Map<string, Map<string, 0 | 1>>();

  private constructor() {
    this.#server = createServer(({ url = '' }, response) => {
      const lines = [...(this.#firing.get(url) ?? [])].map(
        ([instance, fires]) => `life{instance="${instance}"} ${fires}\n`,
      );
      response.setHeader('content-type', 'text/plain; version=0.0.4').end(lines.join(''));
    });
  }

  static async start(): Promise<LifeTarget> {
    const target = new LifeTarget();
    target.#server.listen(0, '127.0.0.1');
    await new Promise((resolve) => target.#server.once('listening', resolve));
    return target;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** From the next scrape on, only these fire for a Prometheus. */
  fire(prometheus: string, instances: readonly string[]): void {
    const firing = this.#firing.get(`/${prometheus}`) ?? new Map<string, 0 | 1>();
    for (const instance of firing.keys()) firing.set(instance, 0);
    for (const instance of instances) firing.set(instance, 1);
    this.#firing.set(`/${prometheus}`, firing);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export interface WatchedRuleOptions {
  readonly folder: string;
  /** Name of the Prometheus and of its path at the target. */
  readonly name: string;
  readonly target: LifeTarget;
  readonly alertmanagers: readonly string[];
  readonly ruleIntervalSeconds: number;
  readonly resendSeconds: number;
}

/** A real Prometheus with one rule, which fires for each instance for which its target reports 1. */
export async function startWatchedRule(options: WatchedRuleOptions): Promise<RunningProcess> {
  const { folder, name, target, alertmanagers, ruleIntervalSeconds, resendSeconds } = options;
  const [rules, config] = [join(folder, `${name}-rules.yml`), join(folder, `${name}.yml`)];
  // a scrape that is late on a loaded machine must not end a life
  writeFileSync(
    rules,
    `groups: [{ name: lives, interval: ${ruleIntervalSeconds}s, rules: [{ alert: Life, expr: 'last_over_time(life[5m]) == 1', labels: { severity: critical } }] }]
`,
  );
  const hosts = alertmanagers.map((url) => `'${new URL(url).host}'`).join(', ');
  writeFileSync(
    config,
    `global: { scrape_interval: 1s, scrape_timeout: 1s }
rule_files: ['${rules}']
alerting: { alertmanagers: [{ static_configs: [{ targets: [${hosts}] }] }] }
scrape_configs:
  - { job_name: lives, honor_labels: true, metrics_path: /${name}, static_configs: [{ targets: ['${target.host}'] }] }
`,
  );
  const port = await freePort();
  const args = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(folder, `${name}-tsdb`)}`,
    `--web.listen-address=127.0.0.1:${port}`,
    `--rules.alert.resend-delay=${resendSeconds}s`,
  ];
  const ready = async () => (await fetch(`http://127.0.0.1:${port}/-/ready`)).ok;
  return startProcess(peer('prometheus'), args, { ready });
}
