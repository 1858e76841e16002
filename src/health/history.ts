import type { CloudEvent } from '../domain/event.ts';
import { checkKey } from '../domain/service.ts';
import { clusterSnapshot, type ClusterSnapshot } from './snapshot.ts';
import type { TargetView } from './run-view.ts';
import type { CheckView } from './views.ts';

/** What a `tocsin.check.*` event holds for the history. */
interface RecordedChange {
  readonly key: string;
  readonly time: number;
  readonly after: CheckView;
  readonly before: CheckView;
}

/**
 * Rebuilds the cluster's snapshots from the state changes: one at each change, newest first.
 * @param current the checks of now
 * @param changes `tocsin.check.*` events, newest first
 * @param startedAt when Tocsin started (ms); the uptime of a snapshot from before it is 0
 */
export function rebuildHistory(
  current: readonly CheckView[],
  changes: readonly CloudEvent[],
  startedAt: number,
): ClusterSnapshot[] {
  const checks = new Map(current.map((check) => [checkKey(check.service, check.view.target), check]));
  return changes.flatMap((event) => {
    const change = recordedChange(event);
    if (change === undefined) return [];
    checks.set(change.key, change.after);
    const uptimeSeconds = Math.max(0, change.time - startedAt) / 1_000;
    const snapshot = clusterSnapshot([...checks.values()], { now: change.time, uptimeSeconds, host: {} });
    checks.set(change.key, change.before);
    return [snapshot];
  });
}

function recordedChange(event: CloudEvent): RecordedChange | undefined {
  const data = event.data;
  if (!isRecord(data)) return undefined;
  const { service, target, description, critical, health, previous_health: previous } = data;
  if (typeof service !== 'string' || typeof target !== 'string') return undefined;
  if (!isTargetView(health) || !isTargetView(previous)) return undefined;
  const check = {
    service,
    name: typeof description === 'string' ? description : service,
    critical: critical === true,
  };
  return {
    key: checkKey(service, target),
    time: Date.parse(event.time),
    after: { ...check, view: health },
    before: { ...check, view: previous },
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** Tocsin wrote it itself: enough to look at what tells it from another version's record. */
function isTargetView(value: unknown): value is TargetView {
  return (
    isRecord(value) &&
    typeof value['target'] === 'string' &&
    typeof value['state'] === 'string' &&
    isRecord(value['health'])
  );
}
