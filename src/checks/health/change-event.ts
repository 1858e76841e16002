import type { EpochMs } from '../../domain/clock.ts';
import type { NewEvent } from '../../domain/event.ts';
import { checkLabels } from '../../domain/service.ts';
import type { ClusterHealth } from './cluster.ts';
import type { StateChange } from './board.ts';
import { rfc3339, runView, targetView } from './run-view.ts';

/** The event for a check whose state changed. */
export function checkChangeEvent({ before, after }: StateChange): NewEvent {
  const { service, target, health } = after;
  const { error, reason, run_id } = runView(health.last);
  return {
    type: `tocsin.check.${health.state}`,
    subject: service.name,
    time: health.since,
    data: {
      service: service.name,
      target: target.label,
      prober: service.prober,
      ...(service.group !== undefined && { group: service.group }),
      ...(service.description !== undefined && { description: service.description }),
      critical: service.critical,
      labels: checkLabels(service, target),
      state: health.state,
      previous_state: before.health.state,
      previous_since: rfc3339(before.health.since),
      ...(reason !== undefined && { reason }),
      ...(error !== undefined && { error }),
      ...(run_id !== undefined && { run_id }),
      health: targetView(after),
      previous_health: targetView(before),
    },
  };
}

/** The event for a cluster whose state changed. */
export function clusterChangeEvent(cluster: ClusterHealth, before: ClusterHealth, time: EpochMs): NewEvent {
  return {
    type: `tocsin.cluster.${cluster.state}`,
    time,
    data: { state: cluster.state, previous_state: before.state, ratio: cluster.ratio },
  };
}
