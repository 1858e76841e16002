import type { applyAction, nextTimer } from '../../../src/alerts/episode-actions.ts';
import type { advance } from '../../../src/alerts/episode-machine.ts';
import type { EpisodeAdvance, EpisodeState } from '../../../src/alerts/episode.ts';
import type { Notice } from './alertmanager.ts';
import { World, type NoticeReceiver, type WorldOptions } from './world.ts';

export interface Machine {
  readonly advance: typeof advance;
  readonly act: typeof applyAction;
  readonly nextTimer: typeof nextTimer;
}

const BASE_MS = Date.parse('2026-01-01T00:00:00Z');
const TOLERANCE_SECONDS = 60;
const HOLD_MS = 360_000;

/**
 * The truth about the reported lives. It knows what no delivery contains: which life it is about, when the sender
 * looked, whether the alert was firing then.
 *
 * What cannot be known from deliveries, so that either outcome is right:
 * - the newest notice is not true: a member was cut off from Prometheus, or a replica's resolve overruled another's firing;
 * - the newest notice is the end of a life before one that was reported: a replica repeats its resolve for 15 minutes, and
 *   Alertmanager then has that in place of another replica's later life, be that over or not;
 * - two notices were received in the same second from members that disagree;
 * - the end of a life was never reported, and the next one starts within the tolerance, or only its end is reported:
 *   whether that is one life or two. So too where Alertmanager itself merged two, because it missed the end between
 *   them.
 * The state at the end of a world is right in any case, since reports that were held back may have said so.
 */
class Truth {
  newest: Notice | undefined;
  /** Whether the newest notice can be trusted. */
  known = true;
  life = -Infinity;
  lives = { least: 0, most: 0 };
  acknowledged: boolean | 'unknown' = false;
  #end = Infinity;
  #heardAt = -Infinity;
  readonly #groupInterval: number;

  constructor(groupInterval: number) {
    this.#groupInterval = groupInterval;
  }

  hear(notice: Notice, fires: boolean, now: number): void {
    const { newest } = this;
    if (newest === undefined || notice.takenAt >= newest.takenAt) {
      const disputed = newest?.takenAt === notice.takenAt && newest.firing !== notice.firing;
      this.newest = notice;
      const former = notice.endsAt !== undefined && notice.endsAt <= this.life;
      this.known = !disputed && !former && notice.firing === fires;
    }
    if (notice.startsAt > this.life) this.#next(notice);
    if (notice.startsAt === this.life) this.#end = Math.min(this.#end, notice.endsAt ?? Infinity);
    this.#heardAt = now;
  }

  #next({ firing, startsAt }: Notice): void {
    const first = this.life === -Infinity;
    const reported = first || this.#end < startsAt;
    const apart = reported || (this.#end === Infinity && firing && startsAt > this.life + TOLERANCE_SECONDS);
    this.lives = { least: this.lives.least + (apart ? 1 : 0), most: this.lives.most + 1 };
    if (reported) this.acknowledged = false;
    else if ((!apart || this.#end < Infinity) && this.acknowledged !== false) this.acknowledged = 'unknown';
    else if (startsAt > this.#heardAt + this.#groupInterval) this.acknowledged = false;
    this.life = startsAt;
    this.#end = Infinity;
  }
}

/** @returns what the machine gets wrong about this world; empty when it is right */
export function judge(options: WorldOptions, machine: Machine): readonly string[] {
  const wrong: string[] = [];
  const truth = new Truth(options.groupInterval);
  // lives are distinguished by their starts only where one replica keeps them, with a correct clock
  const exact =
    options.replicas.length === 1 &&
    options.receivers === 1 &&
    options.faults.every(({ kind }) => !/^prometheus|clock/.test(kind));
  // a life of one replica that has ended stays ended: a later firing of it is late
  const once =
    options.replicas.length === 1 &&
    options.faults.every(({ kind }) => !/^prometheus|clock|^member/.test(kind));
  let state: EpisodeState | undefined;
  let lastReceivedAt = 0;
  const follow = (done: EpisodeAdvance) => {
    const { number } = done.state;
    const closed = done.transitions.findLast(({ episode }) => episode.number < number)?.episode;
    const former = done.former ?? closed ?? state;
    if (former !== undefined && former.number < number && machine.nextTimer(former) !== undefined)
      wrong.push(`episode ${former.number} has a timer, and ${number} has begun`);
    ({ state } = done);
  };
  const receiver: NoticeReceiver = {
    receive: (notice, reporter, now) => {
      const receivedAt = BASE_MS + now * 1_000;
      const context = contextOf(options, { receivedAt, lastReceivedAt, reporter });
      const done = machine.advance(state, alertOf(notice), context);
      follow(done);
      if (once && done.transitions.some(({ transition }) => transition === 'reopened'))
        wrong.push(`at ${now}: reopened by a report that is late`);
      truth.hear(notice, world.firedAt(notice.takenAt), now);
      lastReceivedAt = receivedAt;
      if (!exact || truth.acknowledged === 'unknown' || state?.open !== true) return;
      if (state.acknowledged !== truth.acknowledged)
        wrong.push(`at ${now}: acknowledged ${state.acknowledged}, and not ${truth.acknowledged}`);
    },
    tick: (now) => {
      const at = BASE_MS + now * 1_000;
      const due = state === undefined ? undefined : machine.nextTimer(state);
      if (state !== undefined && due !== undefined && due <= at)
        follow(machine.act(state, { kind: 'time', at }));
    },
    acknowledge: (now) => {
      if (state?.open !== true) return;
      const at = BASE_MS + now * 1_000;
      const acknowledgement = { by: 'ops', comment: '', at, expiresAt: undefined };
      follow(machine.act(state, { kind: 'acknowledge', acknowledgement }));
      truth.acknowledged = true;
    },
  };
  const world = new World(options, receiver);
  world.run();
  const { newest, known, lives } = truth;
  const open = state?.open ?? false;
  if (known && open !== (newest?.firing ?? false) && open !== world.firedAt(options.lasts - 1))
    wrong.push(`at the end: open ${open}`);
  const number = state?.number ?? 0;
  if (exact && (number < lives.least || number > lives.most))
    wrong.push(`${number} episodes, and not ${lives.least} to ${lives.most}`);
  return wrong;
}

function alertOf({ firing, startsAt, endsAt }: Notice) {
  const instant = (second: number) => ({ ns: BigInt(BASE_MS + second * 1_000) * 1_000_000n, text: '' });
  return {
    status: firing ? ('firing' as const) : ('resolved' as const),
    labels: { alertname: 'X', severity: 'critical' },
    annotations: {},
    startsAt: instant(startsAt),
    ...(endsAt === undefined ? {} : { endsAt: instant(endsAt) }),
    generatorUrl: '',
    fingerprint: '0000000000000000',
  };
}

function contextOf(
  { members, peerTimeout, groupInterval }: WorldOptions,
  received: { receivedAt: number; lastReceivedAt: number; reporter: number },
) {
  return {
    ...received,
    toleranceNs: BigInt(TOLERANCE_SECONDS) * 1_000_000_000n,
    staleWindowMs: (members * peerTimeout + groupInterval) * 1_000,
    staleHoldMs: HOLD_MS,
    groupIntervalMs: groupInterval * 1_000,
  };
}
