import type { WebhookReceivers } from './reconciliation-types.ts';

/** The relevant part of an Alertmanager's configuration. */
export interface AlertmanagerRouting {
  readonly receivers: WebhookReceivers;
  /** Whether any route has mute or active time intervals. */
  readonly hasTimeIntervals: boolean;
}

const WEBHOOK_PATH = /\/api\/webhooks\/alertmanager(?:\/([^/?#]+))?\/?(?:[?#]|$)/;
const TIME_INTERVALS = ['mute_time_intervals', 'active_time_intervals'];
/** Far deeper than real routing trees. */
const MAX_ROUTE_DEPTH = 1_000;

/**
 * Finds which receivers of an Alertmanager may post to a webhook, from its configuration as shown by
 * `GET /api/v2/status`: since 0.26 with `<secret>` in place of addresses. Undefined if it is not an Alertmanager
 * configuration.
 */
export function parseAlertmanagerRouting(value: unknown, webhook: string): AlertmanagerRouting | undefined {
  if (!isObject(value) || !isObject(value['route'])) return undefined;
  const [certain, possible]: [string[], string[]] = [[], []];
  for (const receiver of listOf(value['receivers'])) {
    if (!isObject(receiver) || typeof receiver['name'] !== 'string') continue;
    const destinations = listOf(receiver['webhook_configs']).map((each) => destinationOf(each, webhook));
    if (destinations.includes('ours')) certain.push(receiver['name']);
    else if (destinations.includes('hidden')) possible.push(receiver['name']);
  }
  return { receivers: { certain, possible }, hasTimeIntervals: hasTimeIntervals(value['route'], 0) };
}

/**
 * The receivers that count as ours.
 * @param delivered those that have sent deliveries
 */
export function receiversOfWebhook(
  { certain, possible }: WebhookReceivers,
  delivered: ReadonlySet<string>,
): ReadonlySet<string> {
  const likely = [...certain, ...possible.filter((name) => delivered.has(name))];
  // no receiver ever got through: expect all of them
  return new Set(likely.length > 0 ? likely : possible);
}

function destinationOf(config: unknown, webhook: string): 'ours' | 'hidden' | 'other' {
  const url = isObject(config) ? config['url'] : undefined;
  // an address from a file, a secret, or a template
  if (typeof url !== 'string' || !/^https?:\/\//i.test(url) || url.includes('{{')) return 'hidden';
  const match = WEBHOOK_PATH.exec(url);
  return match !== null && (match[1] === undefined || match[1] === webhook) ? 'ours' : 'other';
}

function hasTimeIntervals(route: unknown, depth: number): boolean {
  if (!isObject(route) || depth > MAX_ROUTE_DEPTH) return false;
  if (TIME_INTERVALS.some((key) => listOf(route[key]).length > 0)) return true;
  return listOf(route['routes']).some((child) => hasTimeIntervals(child, depth + 1));
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
