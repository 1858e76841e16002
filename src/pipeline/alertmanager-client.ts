import type { EpochMs } from '../domain/clock.ts';
import type { HttpResponse, HttpClient } from './http-client.ts';
import { parseAlertmanagerRouting } from '../alerts/alertmanager-routing.ts';
import { readPlainYaml } from '../config/yaml/yaml.ts';
import type { AlertmanagerConfig } from '../config/types.ts';
import type { AlertmanagerResponse, WebhookReceivers } from '../alerts/reconciliation-types.ts';

/** Enough for about 100,000 alerts. */
const MAX_LIST_BYTES = 128 * 2 ** 20;
const MAX_STATUS_BYTES = 8 * 2 ** 20;
const NO_RECEIVERS: WebhookReceivers = { certain: [], possible: [] };

type Client = Pick<HttpClient, 'get'>;

/** The relevant part of `GET /api/v2/status`. */
interface AlertmanagerStatus {
  readonly receivers: WebhookReceivers;
  readonly hasTimeIntervals: boolean;
  /** By our clock. */
  readonly startedAt: EpochMs;
}

/** An Alertmanager's answers; `problem` says what could not be fetched, which limits the conclusions. */
export interface FetchedAlerts {
  readonly response: AlertmanagerResponse;
  readonly problem: string | undefined;
}

/**
 * Asks an Alertmanager for its alerts, its start time, and which of its receivers are ours.
 * @throws Error that says why its alerts could not be listed
 */
export async function fetchAlerts(
  client: Client,
  config: AlertmanagerConfig,
  now: () => EpochMs,
): Promise<FetchedAlerts> {
  const { name } = config;
  const { body } = await get(client, config, 'alerts', MAX_LIST_BYTES);
  try {
    const status = await fetchStatus(client, config, now);
    const { receivers, startedAt, hasTimeIntervals } = status;
    const groups = hasTimeIntervals
      ? (await get(client, config, 'alerts/groups', MAX_LIST_BYTES)).body
      : undefined;
    return { response: { name, body, groups, receivers, startedAt }, problem: undefined };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { response: { name, body, receivers: NO_RECEIVERS, startedAt: undefined }, problem };
  }
}

async function fetchStatus(
  client: Client,
  config: AlertmanagerConfig,
  now: () => EpochMs,
): Promise<AlertmanagerStatus> {
  const { body, date } = await get(client, config, 'status', MAX_STATUS_BYTES);
  const { uptime, text } = readStatus(body);
  const startedAt = Date.parse(uptime);
  if (Number.isNaN(startedAt)) throw new Error('"uptime" of /api/v2/status is not a time');
  const at = now();
  const configured = config.receivers;
  const read = parseAlertmanagerRouting(readPlainYaml(text), config.webhook);
  if (read === undefined && configured === undefined)
    throw new Error('"config.original" of /api/v2/status is not an Alertmanager configuration');
  return {
    receivers:
      configured === undefined ? (read?.receivers ?? NO_RECEIVERS) : { certain: configured, possible: [] },
    hasTimeIntervals: read?.hasTimeIntervals ?? false,
    // derived from its own times, since its clock may differ from ours
    startedAt: at - ((date ?? at) - startedAt),
  };
}

function readStatus(body: Uint8Array): { readonly uptime: string; readonly text: string } {
  try {
    const value = JSON.parse(Buffer.from(body).toString()) as {
      readonly uptime?: unknown;
      readonly config?: { readonly original?: unknown };
    };
    return { uptime: String(value.uptime), text: String(value.config?.original) };
  } catch {
    throw new Error('/api/v2/status did not return JSON');
  }
}

async function get(
  client: Client,
  { url, authorization, tls }: AlertmanagerConfig,
  what: 'alerts' | 'alerts/groups' | 'status',
  maxBytes: number,
): Promise<HttpResponse> {
  const address = `${url.replace(/\/+$/, '')}/api/v2/${what}`;
  const answer = await client.get({ url: address, authorization, tls, maxBytes });
  if (answer.status !== 200) throw new Error(`/api/v2/${what} answered with ${answer.status}`);
  return answer;
}
