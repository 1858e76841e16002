import { Member, type Notice, type Sent } from './alertmanager.ts';
import { Prometheus, type Life } from './prometheus.ts';

export type Fault =
  | { readonly kind: 'prometheus restarts'; readonly at: number; readonly who: number }
  | { readonly kind: 'prometheus clock'; readonly at: number; readonly who: number; readonly seconds: number }
  | { readonly kind: 'tocsin clock'; readonly at: number; readonly seconds: number }
  /** It loses its alerts, and also the notification log where `log` is set. */
  | { readonly kind: 'member restarts'; readonly at: number; readonly who: number; readonly log: boolean }
  | { readonly kind: 'member dies'; readonly at: number; readonly who: number }
  /** Prometheus cannot reach it. */
  | { readonly kind: 'member cut off'; readonly at: number; readonly who: number; readonly lasts: number }
  | { readonly kind: 'tocsin down'; readonly at: number; readonly lasts: number }
  /** Only one route of one member is refused. */
  | { readonly kind: 'route refused'; readonly at: number; readonly who: number; readonly lasts: number }
  /** Deliveries are stored, but the answers are lost. */
  | { readonly kind: 'answers lost'; readonly at: number; readonly lasts: number }
  | { readonly kind: 'silenced'; readonly at: number; readonly lasts: number }
  /** Members do not learn what the others have sent. */
  | { readonly kind: 'gossip lost'; readonly at: number; readonly lasts: number }
  | { readonly kind: 'acknowledge'; readonly at: number };

export interface WorldOptions {
  /** For each replica of Prometheus, when it sees the condition hold. */
  readonly replicas: readonly { readonly lives: readonly Life[]; readonly phase: number }[];
  readonly evaluationSeconds: number;
  readonly members: number;
  readonly receivers: number;
  readonly groupWait: number;
  readonly groupInterval: number;
  readonly peerTimeout: number;
  readonly repeatInterval: number;
  readonly faults: readonly Fault[];
  readonly lasts: number;
}

/** The receiver of the alert. */
export interface NoticeReceiver {
  /** @param now seconds, by its own clock */
  readonly receive: (notice: Notice, reporter: number, now: number) => void;
  readonly tick: (now: number) => void;
  readonly acknowledge: (now: number) => void;
}

interface Stream {
  readonly member: Member;
  /** Among all of them. */
  readonly index: number;
  readonly who: number;
  readonly receiver: number;
}

/** Prometheus replicas, the members of an Alertmanager cluster and the network between them and us, second by second. */
export class World {
  readonly #options: WorldOptions;
  readonly #prometheus: readonly Prometheus[];
  readonly #streams: readonly Stream[];
  readonly #hearer: NoticeReceiver;
  readonly #fired: boolean[] = [];
  #clockError = 0;

  constructor(options: WorldOptions, hearer: NoticeReceiver) {
    this.#options = options;
    this.#hearer = hearer;
    const { evaluationSeconds } = options;
    this.#prometheus = options.replicas.map((replica) => new Prometheus({ ...replica, evaluationSeconds }));
    this.#streams = Array.from({ length: options.receivers }, (_, receiver) =>
      Array.from({ length: options.members }, (_none, who) => ({
        member: new Member({ ...options, position: who }),
        ...{ index: receiver * options.members + who, who, receiver },
      })),
    ).flat();
  }

  /** Whether a replica fired at that second. */
  firedAt(second: number): boolean {
    return this.#fired[second] ?? false;
  }

  run(): void {
    for (let second = 0; second < this.#options.lasts; second++) this.#step(second);
  }

  #step(second: number): void {
    for (const fault of this.#options.faults) if (fault.at === second) this.#strike(fault, second);
    for (const prometheus of this.#prometheus) {
      const posted = prometheus.evaluate(second);
      if (posted === undefined) continue;
      for (const { member, who } of this.#streams)
        if (member.alive && !this.#during('member cut off', second, who)) member.post(posted, second);
    }
    this.#fired.push(this.#prometheus.some(({ fires }) => fires));
    const silenced = this.#during('silenced', second);
    for (const stream of this.#streams) {
      if (!stream.member.alive) continue;
      stream.member.flush(second, silenced);
      this.#deliver(stream, second);
      if (!this.#during('gossip lost', second)) this.#gossip(stream.receiver);
    }
    this.#hearer.tick(second + this.#clockError);
  }

  #deliver({ member, index, who, receiver }: Stream, second: number): void {
    const notice = member.send(second);
    if (notice === undefined) return;
    const down = this.#during('tocsin down', second) || this.#during('route refused', second, index);
    if (!down) this.#hearer.receive(notice, who * 10 + receiver, second + this.#clockError);
    member.answer(second, !down && !this.#during('answers lost', second));
  }

  /** The newest entry of the notification logs of a route reaches all members. */
  #gossip(route: number): void {
    const members = this.#streams.flatMap(({ member, receiver }) =>
      receiver === route && member.alive ? [member] : [],
    );
    let newest: Sent | undefined;
    for (const { sent } of members) if (sent !== undefined && sent.at >= (newest?.at ?? 0)) newest = sent;
    for (const member of members) member.sent = newest;
  }

  #during(kind: Fault['kind'], second: number, who?: number): boolean {
    return this.#options.faults.some(
      (fault) =>
        fault.kind === kind &&
        'lasts' in fault &&
        (who === undefined || !('who' in fault) || fault.who === who) &&
        fault.at <= second &&
        second < fault.at + fault.lasts,
    );
  }

  #strike(fault: Fault, second: number): void {
    const streams = 'who' in fault ? this.#streams.filter(({ who }) => who === fault.who) : [];
    const prometheus = 'who' in fault ? this.#prometheus[fault.who] : undefined;
    switch (fault.kind) {
      case 'prometheus restarts':
        prometheus?.restart();
        break;
      case 'prometheus clock':
        if (prometheus !== undefined) prometheus.clockError = fault.seconds;
        break;
      case 'tocsin clock':
        this.#clockError = fault.seconds;
        break;
      case 'member restarts':
        for (const { member } of streams) {
          member.restart();
          if (fault.log) member.sent = undefined;
        }
        break;
      case 'member dies':
        for (const { member } of streams) member.alive = false;
        break;
      case 'acknowledge':
        this.#hearer.acknowledge(second + this.#clockError);
        break;
      default:
    }
  }
}
