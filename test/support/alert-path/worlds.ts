import fc from 'fast-check';
import type { Life } from './prometheus.ts';
import type { Fault, WorldOptions } from './world.ts';

/** What may happen in a world. */
export interface Kind {
  readonly replicas: number;
  readonly members: number;
  readonly receivers: number;
  readonly faults: readonly Fault['kind'][];
  /** Evaluation intervals of the rule, seconds. */
  readonly evaluation: readonly number[];
}

const PLAIN: Kind = { replicas: 1, members: 1, receivers: 1, faults: [], evaluation: [3, 15] };

/** After the last fault, until everything that is under way has arrived. */
const SETTLE_SECONDS = 1_500;

export const KINDS: Readonly<Record<string, Kind>> = {
  'one of each': PLAIN,
  'refused and repeated deliveries': { ...PLAIN, faults: ['tocsin down', 'answers lost'] },
  'two routes to the same webhook': { ...PLAIN, receivers: 2, faults: ['route refused', 'answers lost'] },
  'two replicas and two routes': { ...PLAIN, replicas: 2, receivers: 2, faults: ['route refused'] },
  'a cluster whose members are refused by turns': { ...PLAIN, members: 2, faults: ['route refused'] },
  'two replicas without a replica label': { ...PLAIN, replicas: 2 },
  'two replicas that restart': { ...PLAIN, replicas: 2, faults: ['prometheus restarts'] },
  'a cluster': { ...PLAIN, members: 2, faults: ['gossip lost', 'answers lost', 'tocsin down'] },
  'a cluster of which members die and restart': {
    ...PLAIN,
    members: 3,
    faults: ['member dies', 'member restarts', 'gossip lost'],
  },
  'a sender that restarts with an empty list': {
    ...PLAIN,
    faults: ['member restarts'],
    evaluation: [3, 15, 120],
  },
  'clocks that jump': { ...PLAIN, faults: ['prometheus clock', 'tocsin clock'] },
  'acknowledgements and silences': { ...PLAIN, faults: ['acknowledge', 'acknowledge', 'silenced'] },
  'acknowledgements in a cluster': {
    ...PLAIN,
    members: 2,
    faults: ['acknowledge', 'member cut off', 'gossip lost', 'answers lost'],
  },
  'all of it': {
    replicas: 2,
    members: 3,
    receivers: 1,
    faults: [
      'prometheus restarts',
      'member restarts',
      'member dies',
      'tocsin down',
      'gossip lost',
      'silenced',
    ],
    evaluation: [3, 15, 120],
  },
};

export function anyWorld(kind: Kind): fc.Arbitrary<WorldOptions> {
  return fc
    .record({
      lives: anyLives,
      replicas: fc.array(
        fc.record({ phase: fc.integer({ min: 0, max: 119 }), flaps: fc.boolean(), lives: anyLives }),
        { minLength: kind.replicas, maxLength: kind.replicas },
      ),
      evaluationSeconds: fc.constantFrom(...kind.evaluation),
      members: fc.integer({ min: 1, max: kind.members }),
      receivers: fc.integer({ min: 1, max: kind.receivers }),
      groupWait: fc.constantFrom(0, 10, 30),
      groupInterval: fc.constantFrom(15, 60, 300),
      repeatInterval: fc.constantFrom(600, 3_600),
      faults: kind.faults.length === 0 ? fc.constant([]) : fc.array(anyFault(kind), { maxLength: 6 }),
    })
    .map(({ lives, replicas, faults, ...rest }) => ({
      ...rest,
      peerTimeout: 15,
      replicas: replicas.map((replica, i) => ({
        phase: replica.phase % rest.evaluationSeconds,
        lives: i > 0 && replica.flaps ? replica.lives : lives,
      })),
      faults,
      lasts: 3_000 + SETTLE_SECONDS,
    }));
}

const anyLives: fc.Arbitrary<readonly Life[]> = fc
  .tuple(
    fc.array(
      fc.record({
        pause: fc.oneof(fc.integer({ min: 6, max: 60 }), fc.integer({ min: 60, max: 900 })),
        lasts: fc.oneof(fc.integer({ min: 6, max: 60 }), fc.integer({ min: 60, max: 900 })),
      }),
      { minLength: 1, maxLength: 6 },
    ),
    fc.boolean(),
  )
  .map(([told, staysOpen]) => {
    let now = 0;
    const lives: Life[] = told.map(({ pause, lasts }) => {
      const from = now + pause;
      now = from + lasts;
      return { from, to: now };
    });
    const within = lives.filter(({ to }) => to < 3_000);
    const last = within.at(-1);
    return staysOpen && last !== undefined ? [...within.slice(0, -1), { ...last, to: Infinity }] : within;
  });

function anyFault({ faults, members, receivers, replicas }: Kind): fc.Arbitrary<Fault> {
  return fc
    .record({
      kind: fc.constantFrom(...faults),
      at: fc.integer({ min: 0, max: 2_900 }),
      lasts: fc.integer({ min: 1, max: 600 }),
      who: fc.integer({ min: 0, max: Math.max(members * receivers, replicas) - 1 }),
      seconds: fc.constantFrom(-5, 0, 5, 30, 3_600),
      log: fc.boolean(),
    })
    .map((fault): Fault => fault);
}
