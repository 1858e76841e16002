import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTocsin, type RunningTocsin } from '../processes/tocsin.ts';
import { addressOf, type HostileTargets } from './targets.ts';

export const TOKEN = 'of-the-healthy-client';
export const WEBHOOK_TOKEN = 'of-the-alertmanager';
export const HMAC_SECRET = 'of-grafana';

export interface WorldOptions {
  readonly folder: string;
  readonly targets: HostileTargets;
  /** Services that answer. */
  readonly good: number;
  /** Services that never answer. */
  readonly hanging: number;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  /** `--max-old-space-size`, MB. */
  readonly heapMb: number;
}

/** Starts Tocsin with everything that will be attacked. */
export function startWorld(options: WorldOptions): Promise<RunningTocsin> {
  const { folder, heapMb } = options;
  const file = (name: string, text: string) => writeFileSync(join(folder, name), text);
  file('ops-token', TOKEN);
  file('webhook-token', WEBHOOK_TOKEN);
  file('blackbox.yml', MODULES);
  file('targets.yml', targetsFile(options.targets));
  return startTocsin({
    config: configuration(options),
    folder,
    env: { NODE_OPTIONS: `--max-old-space-size=${heapMb}` },
    // the output of the log sink is discarded; if kept, it would slow the clients of this process
    keepLog: ({ msg }) => msg !== 'event',
  });
}

/** For each item, the whole list: the square of 100,017 numbers. */
const QUADRATIC = 'body.items.all(x, body.items.exists(y, y == x))';

const MODULES = `modules:
  http_2xx: { prober: http, timeout: 5s, http: { preferred_ip_protocol: ip4 } }
  quadratic: { prober: http, timeout: 5s, http: { preferred_ip_protocol: ip4, fail_if_body_json_not_matches_cel: '${QUADRATIC}' } }
`;

export function targetsFile({ ports }: HostileTargets): string {
  return `[{ targets: ['http://${addressOf('other', 9)}:${ports.http}/other'] }]\n`;
}

/** URLs for `/probe`. */
export function probed({ ports }: HostileTargets): { large: string; hanging: string; good: string } {
  const url = (n: number, port: number, name: string) => `http://${addressOf('other', n)}:${port}/${name}`;
  return {
    large: url(1, ports.http, 'large'),
    hanging: url(2, ports.hanging, ''),
    good: url(3, ports.http, 'other'),
  };
}

function configuration({ targets, good, hanging, intervalSeconds, timeoutSeconds }: WorldOptions): string {
  const { http, hanging: silent, redis } = targets.ports;
  const many = (count: number, line: (n: number) => string) =>
    Array.from({ length: count }, (_, n) => line(n));
  const rule = `fail_if_body_json_not_matches_cel: 'body.status == "ok"'`;
  return `
server: { node: hostile, tokens: [{ name: ops, token_file: ops-token, scopes: [ack] }] }
metrics: { trusted: [127.0.0.1/32] }
store: { path: ledger.db }
webhooks:
  - { name: main, token_files: [webhook-token] }
  - { name: grafana, hmac: { secret: ${HMAC_SECRET}, header: x-signature } }
probe_endpoint: { modules_file: blackbox.yml }
sinks: [{ name: audit, log: {} }]
scheduler: { interval: ${intervalSeconds}s, timeout: ${timeoutSeconds}s }
services:
${many(good, (n) => `  - { name: good-${n}, target: 'http://${addressOf('good', n)}:${http}/good-${n}', http: { ${n % 10 === 0 ? rule : ''} } }`).join('\n')}
${many(hanging, (n) => `  - { name: hanging-${n}, target: 'http://${addressOf('hanging', n)}:${silent}/', http: {} }`).join('\n')}
${many(2, (n) => `  - { name: quadratic-${n}, target: 'http://${addressOf('other', 20 + n)}:${http}/large', http: { fail_if_body_json_not_matches_cel: '${QUADRATIC}' } }`).join('\n')}
${many(2, (n) => `  - { name: flood-${n}, target: 'redis://${addressOf('other', 30 + n)}:${redis}', redis: {} }`).join('\n')}
  - { name: from-file, targets_file: targets.yml, http: {} }
`;
}
