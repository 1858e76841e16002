import { parseInstant } from '../domain/instant.ts';
import type { AlertmanagerResponse, ListedAlert, ParsedAlertList } from './reconciliation-types.ts';

const EXPECTED = "expected the array of alerts that Alertmanager's GET /api/v2/alerts returns";
const EXPECTED_GROUPS = "expected the array of groups that Alertmanager's GET /api/v2/alerts/groups returns";
const FINGERPRINT = /^[0-9a-f]{16}$/;

/** By fingerprint: the receivers an alert is sent to, and those for which a time interval mutes it. */
type RoutedAlerts = ReadonlyMap<string, { readonly sent: Set<string>; readonly muted: Set<string> }>;

/**
 * Parses an Alertmanager's answer to `GET /api/v2/alerts`, and to `GET /api/v2/alerts/groups` if that was requested. A
 * list with one unreadable alert is rejected as a whole: it could no longer show which alerts are absent. Never throws.
 * @param ours the receivers that post to us
 * @see https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
 */
export function parseAlertList(
  { body, groups }: Pick<AlertmanagerResponse, 'body' | 'groups'>,
  ours: ReadonlySet<string>,
): ParsedAlertList {
  const items = listOf(body);
  if (items === undefined) return { ok: false, detail: `The response is not a JSON array; ${EXPECTED}.` };
  const routed = groups === undefined ? undefined : routedBy(groups);
  if (groups !== undefined && routed === undefined)
    return { ok: false, detail: `The groups cannot be read; ${EXPECTED_GROUPS}.` };
  const alerts: ListedAlert[] = [];
  for (const [index, item] of items.entries()) {
    const alert = listedAlert(item, ours, routed);
    if (alert === undefined)
      return { ok: false, detail: `The value at /${index} is not an alert; ${EXPECTED}.` };
    alerts.push(alert);
  }
  return { ok: true, alerts };
}

function listOf(body: Uint8Array): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    return Array.isArray(value) ? (value as readonly unknown[]) : undefined;
  } catch {
    return undefined;
  }
}

function listedAlert(
  value: unknown,
  ours: ReadonlySet<string>,
  routed: RoutedAlerts | undefined,
): ListedAlert | undefined {
  if (!isObject(value)) return undefined;
  const { fingerprint, startsAt, status, receivers, labels } = value;
  if (typeof fingerprint !== 'string' || !FINGERPRINT.test(fingerprint) || !isObject(status))
    return undefined;
  const started = typeof startsAt === 'string' ? parseInstant(startsAt) : undefined;
  const alertname = isObject(labels) ? labels['alertname'] : undefined;
  const leadsTo = Array.isArray(receivers) ? receivers.flatMap(nameOf).filter((name) => ours.has(name)) : [];
  const route = routed?.get(fingerprint);
  const sent = routed === undefined ? leadsTo : leadsTo.filter((name) => route?.sent.has(name) === true);
  const isMuted = sent.length === 0 && leadsTo.some((name) => route?.muted.has(name) === true);
  return {
    fingerprint,
    alertname: typeof alertname === 'string' ? alertname : '',
    suppressed: suppressionOf(status) ?? (isMuted ? 'muted' : undefined),
    receivers: sent,
    startsAt: started?.ns ?? 0n,
  };
}

function suppressionOf(status: Readonly<Record<string, unknown>>): ListedAlert['suppressed'] {
  if (hasAny(status['silencedBy'])) return 'silenced';
  return hasAny(status['inhibitedBy']) ? 'inhibited' : undefined;
}

/** Undefined if unreadable. Without `mutedBy` (Alertmanager before 0.28) it is unknown which alerts are sent. */
function routedBy(groups: Uint8Array): RoutedAlerts | undefined {
  const routed = new Map<string, { sent: Set<string>; muted: Set<string> }>();
  for (const group of listOf(groups) ?? [undefined]) {
    if (!isObject(group) || !Array.isArray(group['alerts'])) return undefined;
    const [receiver] = nameOf(group['receiver']);
    for (const alert of group['alerts'] as readonly unknown[]) {
      if (receiver === undefined || !isObject(alert) || !isObject(alert['status'])) return undefined;
      const { mutedBy } = alert['status'];
      if (!Array.isArray(mutedBy)) continue;
      const fingerprint = String(alert['fingerprint']);
      const entry = routed.get(fingerprint) ?? { sent: new Set(), muted: new Set() };
      routed.set(fingerprint, entry);
      (mutedBy.length > 0 ? entry.muted : entry.sent).add(receiver);
    }
  }
  return routed;
}

function hasAny(list: unknown): boolean {
  return Array.isArray(list) && list.length > 0;
}

function nameOf(receiver: unknown): string[] {
  return isObject(receiver) && typeof receiver['name'] === 'string' ? [receiver['name']] : [];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
