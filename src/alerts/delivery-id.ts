import { createHash } from 'node:crypto';
import type { Delivery } from './delivery.ts';

/**
 * Two deliveries are the same if they agree in webhook, receiver, group, and each alert's fingerprint, status and
 * start. The bytes cannot identify a delivery, since encoders escape differently, nor can annotations, since templates
 * make them drift.
 * @returns 32 bytes
 */
export function deliveryId(webhook: string, delivery: Delivery): Uint8Array {
  const alerts = delivery.alerts.map((alert) => `${alert.fingerprint} ${alert.status} ${alert.startsAt.ns}`);
  const { receiver, groupKey, truncatedAlerts } = delivery;
  const content = JSON.stringify([webhook, receiver, groupKey, truncatedAlerts, alerts.sort()]);
  return createHash('sha256').update(content).digest();
}
