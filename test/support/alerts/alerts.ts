/** An alert as Alertmanager writes it; every part can be replaced. */
export function webhookAlert(
  labels: Record<string, string>,
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    status: 'firing',
    labels,
    annotations: { summary: `${labels['alertname'] ?? 'something'} fires` },
    startsAt: '2026-01-01T00:00:00.123456789Z',
    endsAt: '0001-01-01T00:00:00Z',
    generatorURL: 'http://prometheus.example:9090/graph',
    ...more,
  };
}

/** A delivery in Alertmanager's payload, version 4. */
export function webhookPayload(
  alerts: readonly Record<string, unknown>[],
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    version: '4',
    groupKey: '{}:{alertname="Test"}',
    truncatedAlerts: 0,
    status: alerts.some(({ status }) => status === 'firing') ? 'firing' : 'resolved',
    receiver: 'tocsin',
    groupLabels: {},
    commonLabels: {},
    commonAnnotations: {},
    externalURL: 'http://alertmanager.example:9093',
    alerts,
    ...more,
  };
}

export interface IntakeAnswer {
  readonly status: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly quarantined: number;
}

/** Posts a delivery; returns the status and the counts. */
export async function postWebhook(
  url: string,
  payload: unknown,
  path = '/api/webhooks/alertmanager',
): Promise<IntakeAnswer> {
  const body =
    typeof payload === 'string' || payload instanceof Uint8Array ? payload : JSON.stringify(payload);
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': 'Alertmanager/0.33.0' },
    body,
  });
  const answer = (await response.json()) as Partial<IntakeAnswer>;
  return { accepted: 0, duplicates: 0, quarantined: 0, ...answer, status: response.status };
}
