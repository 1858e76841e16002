import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { act, advance } from '../../src/alerts/episodes.ts';
import type { EpisodeState, EpisodeTransition } from '../../src/domain/episode.ts';

const BASE_MS = 1_767_225_600_000;
const TOLERANCE_NS = 60_000_000_000n;
const WINDOW_MS = 60_000;
const HOLD_MS = 120_000;
const PEERS = ['a', 'b'] as const;
type PeerName = (typeof PEERS)[number];

/** Life `i` of the alert lasts from its start to its end; far enough apart to be told apart. */
const LIVES = Array.from({ length: 8 }, (_, i) => ({ start: i * 400, end: i * 400 + 200 }));

type Command =
  /** A peer goes on to what happened next, or leaves some of it out, and tells it. */
  | { readonly kind: 'tell'; readonly peer: PeerName; readonly leaveOut: number }
  /** It says the same again: repeat_interval, a change of the group, a reload. */
  | { readonly kind: 'repeat'; readonly peer: PeerName }
  /** It comes back with nothing and is told by Prometheus how things are now. */
  | { readonly kind: 'restart peer'; readonly peer: PeerName }
  /** What Tocsin knows is what it had written down. */
  | { readonly kind: 'restart Tocsin' }
  /** Tocsin's clock; also backwards. */
  | { readonly kind: 'clock'; readonly seconds: number }
  | { readonly kind: 'timer' };

const peer = fc.constantFrom(...PEERS);
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('tell' as const),
      peer,
      leaveOut: fc.constantFrom(0, 0, 0, 1, 2),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('repeat' as const), peer }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart peer' as const), peer }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart Tocsin' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('clock' as const),
      seconds: fc.integer({ min: -3_600, max: 300 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'timer' as const }) },
);

/** The same story by the numbers of the lives, which no sender tells; knows neither starts nor tolerances. */
class Reference {
  /** Episodes, and the last life of the one before the newest. */
  number = 0;
  former = -1;
  newest = -1;
  open = false;
  suspectUntil: number | undefined;
  reopenings = 0;
  #closedAt = 0;
  #closedBy = new Set<PeerName>();

  hear(life: number, firing: boolean, from: PeerName, now: number): void {
    if (life < this.newest) return;
    // word of a life that came and went while the one before seemed to go on: one life, for all that can be told
    const swallowed = this.open && !firing;
    if (life > this.newest && !swallowed) {
      this.number++;
      this.former = this.newest;
    }
    if (life > this.newest || swallowed) this.#become(life, firing, from, now);
    else if (!this.open && firing) this.#doubt(from, now);
    else if (!this.open) {
      this.#closedBy.add(from);
      this.suspectUntil = undefined;
    }
  }

  pass(now: number): void {
    if (this.suspectUntil !== undefined && this.suspectUntil <= now) this.#reopen();
  }

  #become(life: number, firing: boolean, from: PeerName, now: number): void {
    this.newest = life;
    this.open = firing;
    this.suspectUntil = undefined;
    this.#closedAt = now;
    this.#closedBy = new Set(firing ? [] : [from]);
  }

  #doubt(from: PeerName, now: number): void {
    const late = !this.#closedBy.has(from) && now - this.#closedAt <= WINDOW_MS;
    if (late) this.suspectUntil ??= now + HOLD_MS;
    else this.#reopen();
  }

  #reopen(): void {
    this.open = true;
    this.suspectUntil = undefined;
    this.reopenings++;
  }
}

/** The machine, two peers that speak to it, and the reference beside it. */
class World {
  readonly reference = new Reference();
  readonly transitions: EpisodeTransition[] = [];
  state: EpisodeState | undefined;
  #now = BASE_MS;
  /** How far each peer is: 2n when life n fires, 2n + 1 when it is over. */
  readonly #position: Record<PeerName, number> = { a: -1, b: -1 };
  readonly #skew: Readonly<Record<PeerName, number>>;

  constructor(skew: Readonly<Record<PeerName, number>>) {
    this.#skew = skew;
  }

  run(command: Command): void {
    this.#now += 1_000;
    switch (command.kind) {
      case 'tell':
        this.#move(command.peer, this.#position[command.peer] + 1 + command.leaveOut);
        break;
      case 'repeat':
        this.#say(command.peer);
        break;
      case 'restart peer':
        this.#move(command.peer, Math.max(this.#position.a, this.#position.b));
        break;
      case 'restart Tocsin':
        this.state = structuredClone(this.state);
        break;
      case 'clock':
        this.#now += command.seconds * 1_000;
        break;
      case 'timer':
        if (this.state !== undefined) this.#take(act(this.state, { kind: 'time', at: this.#now }));
        this.reference.pass(this.#now);
    }
  }

  #move(who: PeerName, position: number): void {
    this.#position[who] = Math.min(position, 2 * LIVES.length - 1);
    this.#say(who);
  }

  #say(who: PeerName): void {
    const position = this.#position[who];
    if (position < 0) return;
    const life = Math.floor(position / 2);
    const firing = position % 2 === 0;
    const { reference } = this;
    // the firing of a life that nobody told, after a later one, cannot be told from a start that moved back
    if (firing && life < reference.newest && life > reference.former) return;
    const { start, end } = LIVES[life] ?? { start: 0, end: 0 };
    const ns = (second: number) => BigInt(BASE_MS + second * 1_000) * 1_000_000n;
    const alert = {
      status: firing ? ('firing' as const) : ('resolved' as const),
      labels: { alertname: 'X', severity: 'critical' },
      annotations: {},
      startsAt: { ns: ns(start + this.#skew[who]), text: '' },
      ...(firing ? {} : { endsAt: { ns: ns(end), text: '' } }),
      generatorUrl: '',
      fingerprint: '0000000000000000',
    };
    const context = {
      receivedAt: this.#now,
      toleranceNs: TOLERANCE_NS,
      peer: who,
      staleWindowMs: WINDOW_MS,
      staleHoldMs: HOLD_MS,
    };
    this.#take(advance(this.state, alert, context));
    reference.hear(life, firing, who, this.#now);
  }

  #take({ state, transitions }: { state: EpisodeState; transitions: readonly EpisodeTransition[] }): void {
    this.state = state;
    this.transitions.push(...transitions);
  }
}

const skew = fc.record({ a: fc.integer({ min: -25, max: 25 }), b: fc.integer({ min: -25, max: 25 }) });

describe('two peers, restarts, reloads, repeats and clock steps', () => {
  it('leave the machine where the reference stands, after every step', () => {
    fc.assert(
      fc.property(skew, fc.array(command, { maxLength: 60 }), (skews, commands) => {
        const world = new World(skews);
        for (const one of commands) {
          world.run(one);
          const { reference, state } = world;
          expect([state?.number ?? 0, state?.open ?? false, state?.suspectUntil]).toEqual([
            reference.number,
            reference.open,
            reference.suspectUntil,
          ]);
        }
        const count = (name: string) =>
          world.transitions.filter(({ transition }) => transition === name).length;
        expect(count('fired') + count('resolved_unseen')).toBe(world.reference.number);
        expect(count('reopened')).toBe(world.reference.reopenings);
        const steps = world.transitions.map(({ episode }) => `${episode.number} ${episode.ordinal}`);
        expect(new Set(steps).size).toBe(steps.length);
      }),
      { numRuns: 3_000 },
    );
  });
});
