import type { CheckState, Service } from '../../domain/service.ts';
import type { BoardEntry } from './board.ts';
import { compareStates, worstState } from './cluster.ts';
import { targetView, type RunView, type TargetView } from './run-view.ts';

/** A check as the views see it: current, or rebuilt from history. */
export interface CheckView {
  /** The service's name in the configuration. */
  readonly service: string;
  /** The name shown to people. */
  readonly name: string;
  readonly critical: boolean;
  readonly view: TargetView;
}

export interface ServiceView {
  readonly name: string;
  readonly critical: boolean;
  /** The last run of its worst target. */
  readonly health: RunView;
  readonly targets: readonly TargetView[];
}

/** A service in the API's list: its configuration and its health. */
export interface ServiceDetail extends ServiceView {
  readonly key: string;
  readonly state: CheckState;
  readonly prober: string;
  readonly group?: string;
  readonly priority: number;
  /** Seconds. */
  readonly interval: number;
  readonly timeout: number;
  readonly labels: Readonly<Record<string, string>>;
}

type Checks = readonly [CheckView, ...CheckView[]];

export function checkView(entry: BoardEntry): CheckView {
  const { service } = entry;
  return {
    service: service.name,
    name: displayName(service),
    critical: service.critical,
    view: targetView(entry),
  };
}

/** Groups checks by service, in the given order; a service takes the state of its worst target. */
export function serviceViews(checks: readonly CheckView[]): Map<string, ServiceView> {
  const views = new Map<string, ServiceView>();
  for (const [service, ofService] of byService(checks)) {
    const { name, critical, view } = worstCheck(ofService);
    views.set(service, {
      name,
      critical,
      health: view.health,
      targets: ofService.map((check) => check.view),
    });
  }
  return views;
}

/** All services in full, in the order of the configuration. */
export function serviceDetails(entries: readonly BoardEntry[]): ServiceDetail[] {
  const services = new Map(entries.map(({ service }) => [service.name, service]));
  return [...serviceViews(entries.map(checkView))].flatMap(([key, view]) => {
    const service = services.get(key);
    return service === undefined
      ? []
      : [{ key, ...view, ...configuredFields(service), state: stateOf(view) }];
  });
}

function stateOf(view: ServiceView): CheckState {
  return worstState(view.targets.map(({ state }) => state));
}

function configuredFields(service: Service) {
  return {
    prober: service.prober,
    ...(service.group !== undefined && { group: service.group }),
    priority: service.priority,
    interval: service.intervalMs / 1_000,
    timeout: service.timeoutMs / 1_000,
    labels: service.labels,
  };
}

/** One sentence for each service that is not as it should be: `CRITICAL: Tools Server is timeout - …`. */
export function alertMessages(checks: readonly CheckView[]): string[] {
  return [...byService(checks).values()].flatMap((ofService) => alertMessage(worstCheck(ofService)));
}

function alertMessage({ name, critical, view }: CheckView): string[] {
  const { state, health, detail } = view;
  const why = health.error ?? detail;
  if (state === 'healthy' || why === undefined) return [];
  const word = state === 'unknown' ? 'unknown' : health.status === 'healthy' ? 'degraded' : health.status;
  return [`${critical ? 'CRITICAL' : 'WARNING'}: ${name} is ${word} - ${why}`];
}

/** The worst check of a service: by state, then by whether its last run failed. */
function worstCheck(checks: Checks): CheckView {
  return checks.reduce((worst, check) => {
    const difference = compareStates(check.view.state, worst.view.state);
    return difference > 0 || (difference === 0 && failed(check) && !failed(worst)) ? check : worst;
  });
}

function failed({ view }: CheckView): boolean {
  return view.health.error !== undefined;
}

function byService(checks: readonly CheckView[]): Map<string, [CheckView, ...CheckView[]]> {
  const groups = new Map<string, [CheckView, ...CheckView[]]>();
  for (const check of checks) {
    const group = groups.get(check.service);
    if (group === undefined) groups.set(check.service, [check]);
    else group.push(check);
  }
  return groups;
}

function displayName(service: Service): string {
  return service.description ?? service.name;
}
