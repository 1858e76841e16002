import { json, startChain, startListener, type Hit } from '../../support/alerts/chain.ts';
import { temporaryFolder } from '../../support/processes/tocsin.ts';
import { until } from '../../support/until.ts';

export interface EscalationOptions {
  /** How long an alert is unacknowledged before each level, seconds. */
  readonly levels: readonly [number, number];
  /** Interval of scrapes and rules. */
  readonly intervalSeconds: number;
}

export interface EscalationRecord {
  /** By instance: seconds from its first receipt to the receiver of level 2, and of level 3; undefined: never. */
  readonly reached: Readonly<Record<Instance, Readonly<Record<2 | 3, number | undefined>>>>;
  /** What Tocsin reports of those that do not escalate. */
  readonly acknowledged: boolean;
  readonly suppressed: string | null;
  /** Seconds from the last escalation to the end of the observation. */
  readonly watched: number;
  /** Deliveries to the receivers of the levels. */
  readonly deliveries: number;
}

/**
 * Of one service two that are unacknowledged, one acknowledged and one silenced; and an unacknowledged one of a service
 * whose second level is as late as the third of others, and one of a service that never escalates.
 */
const INSTANCES = ['a', 'b', 'taken', 'silenced', 'own', 'never'] as const;
type Instance = (typeof INSTANCES)[number];
const serviceOf = (instance: Instance) => (instance === 'own' || instance === 'never' ? instance : 'api');
const valueOf = (instance: Instance) =>
  `label_replace(label_replace(vector(1), "instance", "${instance}", "", ""), "service", "${serviceOf(instance)}", "", "")`;

interface ShownAlert {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly first_received_at: string;
  readonly acknowledged: boolean;
  readonly suppressed: string | null;
}

const RULES = `groups:
  - name: test
    rules:
      - alert: Broken
        expr: ${INSTANCES.map(valueOf).join(' or ')}
        labels: { severity: critical }
`;

/**
 * Alerts that differ in one label, and of services with their own levels, through real programs with the shipped rules
 * and routes.
 */
export async function runEscalation({
  levels,
  intervalSeconds,
}: EscalationOptions): Promise<EscalationRecord> {
  await using folder = temporaryFolder();
  const listener = await startListener();
  const receiver = (level: number) =>
    `  - name: escalation-${level}\n    webhook_configs: [{ url: '${listener.url}/${level}' }]\n`;
  const chain = await startChain({
    folder: folder.path,
    intervalSeconds,
    rules: RULES,
    routes: (shipped) =>
      shipped
        .replace('  - name: escalation-2\n', receiver(2))
        .replace('  - name: escalation-3\n', receiver(3)),
    config: (alertmanager) => `
alertmanagers: [{ name: am, url: '${alertmanager}' }]
watchdogs: [{ name: prometheus, match: { alertname: Watchdog }, expect_every: 5m }]
escalation: { critical: [${levels.map((level) => `${level}s`).join(', ')}] }
services:
  - { name: own, target: '${listener.url}/own', http: {}, escalation: { critical: [${levels[1]}s] } }
  - { name: never, target: '${listener.url}/never', http: {}, escalation: { critical: [] } }
`,
  });
  const { tocsin, alertmanagerUrl } = chain;
  const lastsMs = levels[1] * 1_000;
  const alerts = async () => {
    const { alerts: all } = await json<{ alerts: readonly ShownAlert[] }>(
      `${tocsin.url}/api/v1/alerts?state=open`,
    );
    return new Map(
      all
        .filter(({ labels }) => labels['alertname'] === 'Broken')
        .map((one) => [one.labels['instance'], one]),
    );
  };
  try {
    await chain.startPrometheus();
    const open = await until(
      async () => {
        const found = await alerts();
        return found.size === INSTANCES.length ? found : undefined;
      },
      { what: 'all alerts in the ledger' },
    );
    await take(tocsin.url, open.get('taken')?.id ?? '');
    await silence(alertmanagerUrl);
    // Alertmanagers are asked every minute, and at once on a reload
    tocsin.signal('SIGHUP');
    await until(async () => (await alerts()).get('silenced')?.suppressed === 'silenced');
    const first = new Map(
      [...open].map(([name, alert]) => [name, Date.parse(alert.first_received_at)] as const),
    );
    const at = (name: Instance, level: 2 | 3) => arrival(listener.hits, name, level);
    const last = () => [at('a', 3), at('b', 3), at('own', 2)];
    await until(() => !last().includes(undefined), { lastsMs, what: 'the last level of each' });
    const done = Date.now();
    const look = 10_000 + 3_000 * intervalSeconds;
    await until(() => Date.now() - done > look, { lastsMs: look });
    const seconds = (name: Instance, level: 2 | 3) => {
      const when = at(name, level);
      return when === undefined ? undefined : (when - (first.get(name) ?? Number.NaN)) / 1_000;
    };
    const now = await alerts();
    const reached = Object.fromEntries(
      INSTANCES.map((name) => [name, { 2: seconds(name, 2), 3: seconds(name, 3) }]),
    ) as EscalationRecord['reached'];
    return {
      reached,
      acknowledged: now.get('taken')?.acknowledged ?? false,
      suppressed: now.get('silenced')?.suppressed ?? null,
      watched: (Date.now() - done) / 1_000,
      deliveries: listener.hits.filter(({ path }) => LEVEL_PATHS.includes(path)).length,
    };
  } finally {
    await chain.stop();
    await listener.stop();
  }
}

const LEVEL_PATHS = ['/2', '/3'];

/** When the receiver of a level first received an instance, milliseconds since the epoch. */
function arrival(hits: readonly Hit[], instance: Instance, level: 2 | 3): number | undefined {
  return hits.find(({ path, body }) => {
    if (path !== `/${level}`) return false;
    const { alerts } = JSON.parse(body) as { alerts: { labels: Record<string, string> }[] };
    return alerts.some(({ labels }) => labels['episode_instance'] === instance);
  })?.at;
}

async function take(url: string, id: string): Promise<void> {
  const response = await fetch(`${url}/api/v1/alerts/${id}/ack`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ by: 'ops', comment: 'mine' }),
  });
  if (!response.ok) throw new Error(`not acknowledged: ${await response.text()}`);
}

async function silence(alertmanagerUrl: string): Promise<void> {
  const response = await fetch(`${alertmanagerUrl}/api/v2/silences`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      matchers: [{ name: 'instance', value: 'silenced', isRegex: false }],
      startsAt: new Date().toISOString(),
      endsAt: new Date(Date.now() + 3_600_000).toISOString(),
      createdBy: 'test',
      comment: 'quiet',
    }),
  });
  if (!response.ok) throw new Error(`not silenced: ${await response.text()}`);
}
