import type { ListedAlert, ParsedListing } from '../domain/reconciliation.ts';

const EXPECTED = "expected the array of alerts that Alertmanager's GET /api/v2/alerts answers";
const FINGERPRINT = /^[0-9a-f]{16}$/;

/**
 * Reads the answer of an Alertmanager to `GET /api/v2/alerts`. A list of which one alert cannot be read is refused
 * whole: it could not say any more what is not there. Never throws.
 * @see https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
 */
export function parseListing(body: Uint8Array): ParsedListing {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return { ok: false, detail: `The answer is not JSON; ${EXPECTED}.` };
  }
  if (!Array.isArray(value)) return { ok: false, detail: `The answer is not a list; ${EXPECTED}.` };
  const alerts: ListedAlert[] = [];
  for (const [index, item] of value.entries()) {
    const alert = listedAlert(item);
    if (alert === undefined)
      return { ok: false, detail: `The value at /${index} is not an alert; ${EXPECTED}.` };
    alerts.push(alert);
  }
  return { ok: true, alerts };
}

function listedAlert(value: unknown): ListedAlert | undefined {
  if (!isObject(value)) return undefined;
  const { fingerprint, startsAt, status, receivers } = value;
  if (typeof fingerprint !== 'string' || !FINGERPRINT.test(fingerprint) || !isObject(status))
    return undefined;
  const started = typeof startsAt === 'string' ? Date.parse(startsAt) : Number.NaN;
  return {
    fingerprint,
    suppressed: hasAny(status['silencedBy'])
      ? 'silenced'
      : hasAny(status['inhibitedBy'])
        ? 'inhibited'
        : undefined,
    receivers: Array.isArray(receivers) ? receivers.flatMap(nameOf) : [],
    startsAt: Number.isNaN(started) ? 0 : started,
  };
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
