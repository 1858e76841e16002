import { z } from 'zod';
import type { Alert } from '../domain/alert.ts';
import type { Complaint, Delivery, ParsedBody, RefusedAlert } from '../domain/delivery.ts';
import { parseAlert, reservedName, MAX_LABELS } from './alert.ts';
import { scanJson } from './scan.ts';

const EXPECTED =
  "expected Alertmanager's webhook payload (version 4) or Grafana's: an object with an array `alerts`";

const descriptive = z.string().catch('');

/** Maps may be null where a `payload` template wrote them; what only describes never costs the alerts. */
const labelMap = z
  .record(z.string(), z.string())
  .catch({})
  .refine((map) => Object.keys(map).length <= MAX_LABELS, { error: `expected at most ${MAX_LABELS} labels` });

/**
 * What stands around the alerts. The alerts themselves are read by hand: zod takes about eight times as long,
 * and there may be twenty thousand of them.
 */
const envelope = z.object(
  {
    receiver: descriptive,
    status: z.enum(['firing', 'resolved']).optional().catch(undefined),
    groupKey: descriptive,
    truncatedAlerts: z.int().nonnegative().catch(0),
    notification_reason: z.string().optional().catch(undefined),
    groupLabels: labelMap,
    commonLabels: labelMap,
    commonAnnotations: labelMap,
    routeLabels: labelMap,
    alerts: z.array(z.unknown(), {
      error: 'expected an array of alerts; a custom `payload` in webhook_configs cannot be read',
    }),
  },
  { error: EXPECTED },
);

type Envelope = z.infer<typeof envelope>;

/**
 * Reads a webhook body: Alertmanager's default payload of any version, or Grafana's. Unknown fields are ignored;
 * an alert that cannot be read is refused by itself. Never throws.
 * @see https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
 */
export function parseDelivery(body: Uint8Array): ParsedBody {
  const json = decodeJson(body);
  if ('detail' in json) return { ok: false, ...json };
  const parsed = envelope.safeParse(json.value);
  if (!parsed.success) return { ok: false, ...firstIssue(parsed.error) };
  const reserved = reservedInEnvelope(json.value as object);
  if (reserved !== undefined) return { ok: false, ...reserved };
  return readAlerts(parsed.data);
}

function reservedInEnvelope(body: object): Complaint | undefined {
  for (const [key, value] of Object.entries(body)) {
    const found = key === 'alerts' ? undefined : reservedName(value, `/${key}`);
    if (found !== undefined) return found;
  }
  return reservedName(body);
}

function decodeJson(body: Uint8Array): { value: unknown } | Complaint {
  if (body.length === 0) return { pointer: '', detail: `The body is empty; ${EXPECTED}.` };
  const excess = scanJson(body);
  if (excess !== undefined) return excess;
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown };
  } catch (error) {
    const why = error instanceof SyntaxError ? error.message : 'it is not valid UTF-8';
    return { pointer: '', detail: `The body is not JSON: ${why}; ${EXPECTED}.` };
  }
}

function firstIssue(error: z.ZodError): Complaint {
  const issue = error.issues[0];
  const pointer = (issue?.path ?? []).map((part) => `/${String(part)}`).join('');
  const where = pointer === '' ? 'The body' : `The value at ${pointer}`;
  return { pointer, detail: `${where} is not what it should be: ${issue?.message ?? EXPECTED}.` };
}

function readAlerts(head: Envelope): ParsedBody {
  const alerts: Alert[] = [];
  const refused: RefusedAlert[] = [];
  let hostile: Complaint | undefined;
  head.alerts.forEach((value, i) => {
    const result = parseAlert(value, `/alerts/${i}`);
    if (result.ok) {
      alerts.push(result.alert);
    } else {
      refused.push({ pointer: result.pointer, detail: result.detail, value });
      if (result.hostile) hostile ??= { pointer: result.pointer, detail: result.detail };
    }
  });
  // a crafted alert costs the delivery only where there is no neighbour to save
  if (hostile !== undefined && alerts.length === 0) return { ok: false, ...hostile };
  return { ok: true, delivery: deliveryOf(head, alerts, refused) };
}

function deliveryOf(head: Envelope, alerts: readonly Alert[], refused: readonly RefusedAlert[]): Delivery {
  const firing = alerts.some((alert) => alert.status === 'firing');
  return {
    receiver: unquote(head.receiver),
    status: head.status ?? (firing ? 'firing' : 'resolved'),
    groupKey: head.groupKey,
    truncatedAlerts: head.truncatedAlerts,
    ...(head.notification_reason === undefined ? {} : { notificationReason: head.notification_reason }),
    routeLabels: head.routeLabels,
    alerts,
    refused,
  };
}

/** Takes back Go's `regexp.QuoteMeta`: the receiver `web.hook` arrives as `web\.hook`. */
function unquote(receiver: string): string {
  return receiver.replace(/\\([\\.+*?()|[\]{}^$])/g, '$1');
}
