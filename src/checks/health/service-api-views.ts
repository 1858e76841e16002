import type { BoardEntry, HealthBoard } from './board.ts';
import { alertMessages, checkView, serviceDetails, serviceViews, type CheckView } from './service-views.ts';

/** A service as the API shows it. Each text is made on first use. */
export class ServiceApiView {
  readonly entries: readonly BoardEntry[];
  #checks: readonly CheckView[] | undefined;
  #view: string | undefined;
  #detail: string | undefined;
  #alertMessages: readonly string[] | undefined;

  constructor(entries: readonly BoardEntry[]) {
    this.entries = entries;
  }

  get checks(): readonly CheckView[] {
    return (this.#checks ??= this.entries.map(checkView));
  }

  /** JSON, as in `services` of `/cluster_health`. */
  get view(): string {
    return (this.#view ??= viewText(this.checks));
  }

  /** JSON, as in `/api/v1/services`. */
  get detail(): string {
    return (this.#detail ??= JSON.stringify(serviceDetails(this.entries)[0]));
  }

  /** At most one: the service's problem. */
  get alertMessages(): readonly string[] {
    return (this.#alertMessages ??= alertMessages(this.checks));
  }
}

/** The JSON of a service's `ServiceView`. */
export function viewText(checks: readonly CheckView[]): string {
  const [view] = serviceViews(checks).values();
  return JSON.stringify(view);
}

/** The services on the board as the API shows them; texts are made again only for services that changed. */
export class ServiceApiViews {
  readonly #board: Pick<HealthBoard, 'entries' | 'version'>;
  #services: ReadonlyMap<string, ServiceApiView> = new Map();
  #alertMessages: readonly string[] | undefined;
  #version = -1;

  constructor(board: Pick<HealthBoard, 'entries' | 'version'>) {
    this.#board = board;
  }

  /** By name, in the order of the configuration. */
  all(): ReadonlyMap<string, ServiceApiView> {
    const { version } = this.#board;
    if (version !== this.#version) this.#services = this.#refresh();
    this.#version = version;
    return this.#services;
  }

  /** One sentence for each service that is not as it should be. */
  alertMessages(): readonly string[] {
    const services = this.all();
    return (this.#alertMessages ??= [...services.values()].flatMap(({ alertMessages }) => alertMessages));
  }

  #refresh(): ReadonlyMap<string, ServiceApiView> {
    this.#alertMessages = undefined;
    const entries = new Map<string, BoardEntry[]>();
    for (const entry of this.#board.entries()) {
      const ofService = entries.get(entry.service.name);
      if (ofService === undefined) entries.set(entry.service.name, [entry]);
      else ofService.push(entry);
    }
    const next = new Map<string, ServiceApiView>();
    for (const [name, ofService] of entries) {
      const last = this.#services.get(name);
      next.set(
        name,
        last !== undefined && isSame(last.entries, ofService) ? last : new ServiceApiView(ofService),
      );
    }
    return next;
  }
}

function isSame(a: readonly BoardEntry[], b: readonly BoardEntry[]): boolean {
  return a.length === b.length && a.every((entry, i) => entry === b[i]);
}
