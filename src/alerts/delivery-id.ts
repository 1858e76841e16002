import { createHash } from 'node:crypto';
import type { Delivery } from './delivery.ts';

/**
 * What makes two deliveries the same: webhook, receiver, group, and each alert's fingerprint, status and start.
 * Bytes are no identity, since encoders escape differently; annotations are none, since templates make them drift.
 * @returns 32 bytes
 */
export function deliveryId(webhook: string, delivery: Delivery): Uint8Array {
  const alerts = delivery.alerts.map((alert) => `${alert.fingerprint} ${alert.status} ${alert.startsAt.ns}`);
  const { receiver, groupKey, truncatedAlerts } = delivery;
  const content = JSON.stringify([webhook, receiver, groupKey, truncatedAlerts, alerts.sort()]);
  return createHash('sha256').update(content).digest();
}
