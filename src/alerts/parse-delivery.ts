import { z } from 'zod';
import type { Alert } from './alert.ts';
import type { ParseProblem, Delivery, ParsedBody, RejectedAlert } from './delivery.ts';
import { parseAlert, reservedName, MAX_LABELS } from './parse-alert.ts';
import { BodyScan, scanJson } from './body-scan.ts';

const EXPECTED =
  "expected Alertmanager's webhook payload (version 4) or Grafana's: an object with an array `alerts`";

const descriptive = z.string().catch('');

/**
 * Maps may be null if a `payload` template wrote them, and names may be crafted. Descriptive fields never cost the
 * alerts: an unreadable map counts as empty.
 */
const labelMap = z
  .unknown()
  .refine((map) => reservedName(map) === undefined)
  .pipe(z.record(z.string(), z.string()))
  .refine((map) => Object.keys(map).length <= MAX_LABELS)
  .catch({});

/**
 * Everything around the alerts. The alerts are parsed by hand: zod takes about eight times as long, and there may be
 * twenty thousand of them.
 */
const envelope = z.object(
  {
    receiver: descriptive,
    externalURL: descriptive,
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
 * Parses a webhook body: Alertmanager's default payload of any version, or Grafana's. Unknown fields are ignored; an
 * invalid alert is rejected without rejecting the others. Never throws.
 * @see https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
 */
export function parseDelivery(body: Uint8Array): ParsedBody {
  const json = decodeJson(body);
  if ('detail' in json) return { ok: false, ...json };
  const head = readEnvelope(json.value);
  if ('detail' in head) return { ok: false, ...head };
  const reading = new AlertCollector();
  head.alerts.forEach((value, i) => reading.add(value, i));
  return reading.result(head);
}

/** Bytes scanned, and bytes of alerts read, between two yields: a few milliseconds each. */
const SCAN_BYTES = 512 * 1024;
const READ_BYTES = 128 * 1024;

/** Same result as `parseDelivery`, a few milliseconds at a time. Never throws. */
export function* parseInSlices(body: Uint8Array): Generator<undefined, ParsedBody> {
  const scan = new BodyScan(body);
  while (!scan.scan(SCAN_BYTES)) yield;
  const { alerts } = scan;
  // unusual notation (an escaped key, for example): parsed in one go
  if (scan.problem() !== undefined || alerts === undefined) return parseDelivery(body);
  const json = parseText(Buffer.concat([body.subarray(0, alerts.from), body.subarray(alerts.to)]));
  if ('detail' in json) return { ok: false, ...json };
  const head = readEnvelope(json.value);
  if ('detail' in head) return { ok: false, ...head };
  const reading = new AlertCollector();
  let read = 0;
  for (const [i, end] of alerts.ends.entries()) {
    const start = i === 0 ? alerts.from : (alerts.ends[i - 1] ?? 0) + 1;
    const value = parseText(body.subarray(start, end));
    if ('detail' in value) return { ok: false, ...value };
    reading.add(value.value, i);
    read += end - start;
    if (read < READ_BYTES) continue;
    read = 0;
    yield;
  }
  return reading.result(head);
}

function readEnvelope(value: unknown): Envelope | ParseProblem {
  const parsed = envelope.safeParse(value);
  if (!parsed.success && isLegacyGrafana(value)) return { pointer: '', detail: LEGACY_GRAFANA };
  return parsed.success ? parsed.data : firstIssue(parsed.error);
}

const LEGACY_GRAFANA = `The body is that of Grafana's legacy alerting (ruleId, evalMatches), which has no alerts with labels and was removed in Grafana 11; send from a contact point of Grafana Alerting, ${EXPECTED}.`;

/** @see https://grafana.com/docs/grafana/v8.5/alerting/old-alerting/notifications/#webhook */
function isLegacyGrafana(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || 'alerts' in value) return false;
  return ['ruleId', 'ruleName', 'ruleUrl', 'evalMatches'].some((key) => Object.hasOwn(value, key));
}

function decodeJson(body: Uint8Array): { value: unknown } | ParseProblem {
  if (body.length === 0) return { pointer: '', detail: `The body is empty; ${EXPECTED}.` };
  return scanJson(body) ?? parseText(body);
}

function parseText(body: Uint8Array): { value: unknown } | ParseProblem {
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown };
  } catch (error) {
    const why = error instanceof SyntaxError ? error.message : 'it is not valid UTF-8';
    return { pointer: '', detail: `The body is not JSON: ${why}; ${EXPECTED}.` };
  }
}

function firstIssue(error: z.ZodError): ParseProblem {
  const issue = error.issues[0];
  const pointer = (issue?.path ?? []).map((part) => `/${String(part)}`).join('');
  const where = pointer === '' ? 'The body' : `The value at ${pointer}`;
  return { pointer, detail: `${where} is invalid: ${issue?.message ?? EXPECTED}.` };
}

/** Reads the alerts of a body one by one. */
class AlertCollector {
  readonly #alerts: Alert[] = [];
  readonly #refused: RejectedAlert[] = [];
  #hostile: ParseProblem | undefined;

  add(value: unknown, index: number): void {
    const result = parseAlert(value, `/alerts/${index}`);
    if (result.ok) {
      this.#alerts.push(result.alert);
    } else {
      this.#refused.push({ pointer: result.pointer, detail: result.detail, value });
      if (result.hostile) this.#hostile ??= { pointer: result.pointer, detail: result.detail };
    }
  }

  result(head: Envelope): ParsedBody {
    // a crafted alert rejects the delivery only if no other alert before it was accepted
    if (this.#hostile !== undefined && this.#alerts.length === 0) return { ok: false, ...this.#hostile };
    return { ok: true, delivery: deliveryOf(head, this.#alerts, this.#refused) };
  }
}

function deliveryOf(head: Envelope, alerts: readonly Alert[], rejected: readonly RejectedAlert[]): Delivery {
  const firing = alerts.some((alert) => alert.status === 'firing');
  return {
    receiver: unquote(head.receiver),
    status: head.status ?? (firing ? 'firing' : 'resolved'),
    groupKey: head.groupKey,
    truncatedAlerts: head.truncatedAlerts,
    externalUrl: head.externalURL,
    ...(head.notification_reason === undefined ? {} : { notificationReason: head.notification_reason }),
    routeLabels: head.routeLabels,
    alerts,
    rejected,
  };
}

/** Undoes Go's `regexp.QuoteMeta`: the receiver `web.hook` arrives as `web\.hook`. */
function unquote(receiver: string): string {
  return receiver.replace(/\\([\\.+*?()|[\]{}^$])/g, '$1');
}
