import { describe, expect, it } from '@jest/globals';
import { applyAction } from '../../src/alerts/episode-actions.ts';
import { advance } from '../../src/alerts/episode-machine.ts';
import type { EpisodeState } from '../../src/alerts/episode.ts';

/**
 * The outcome for an alert, one row per rule. A story lists what happens in order, with times in seconds:
 * `A 60: firing 0` is member A's report, received at 60, of an alert that has been firing since 0;
 * `A 60: resolved 0..50`; `A 60: ends 0` is a resolve without an end; `40: acknowledge`, `40: expire`, `40: confirm`,
 * `40: refute`, `40: time`. The default time of receipt is 0.
 * The outcome lists the transitions, each with the number of its episode where that is not 1, and whether it is open.
 */
const BASE_MS = Date.parse('2026-01-01T00:00:00Z');
const WINDOW_SECONDS = 330;
const HOLD_SECONDS = 360;
const GROUP_INTERVAL_SECONDS = 300;

const instant = (second: number) => ({ ns: BigInt(BASE_MS + second * 1_000) * 1_000_000n, text: '' });

interface Story {
  state: EpisodeState | undefined;
  lastReceivedAt: number;
  readonly steps: string[];
}

const REPORT = /^([A-C]) ?(-?\d+)?: (firing|resolved|ends) ([-+]?\d+)(?:\.\.([-+]?\d+))?$/;
const ACTION = /^(\d+): (acknowledge|expire|confirm|refute|time)$/;

function applyLine(story: Story, line: string): void {
  const report = REPORT.exec(line);
  const done = report === null ? doIt(story, line) : applyReport(story, report);
  story.state = done.state;
  for (const { transition, episode } of done.transitions)
    story.steps.push(episode.number === 1 ? transition : `${transition} ${episode.number}`);
}

function applyReport(story: Story, [, member = '', received = '0', status, start, end]: RegExpExecArray) {
  const { state, lastReceivedAt } = story;
  const receivedAt = BASE_MS + Number(received) * 1_000;
  story.lastReceivedAt = receivedAt;
  const alert = {
    status: status === 'firing' ? ('firing' as const) : ('resolved' as const),
    ...{ labels: { alertname: 'X' }, annotations: {}, generatorUrl: '', fingerprint: '0000000000000000' },
    startsAt: instant(Number(start)),
    ...(end === undefined ? {} : { endsAt: instant(Number(end)) }),
  };
  return advance(state, alert, {
    ...{ receivedAt, lastReceivedAt, reporter: member.charCodeAt(0), toleranceNs: 60_000_000_000n },
    staleWindowMs: WINDOW_SECONDS * 1_000,
    staleHoldMs: HOLD_SECONDS * 1_000,
    groupIntervalMs: GROUP_INTERVAL_SECONDS * 1_000,
  });
}

function doIt({ state, lastReceivedAt }: Story, line: string) {
  const [, second, kind] = ACTION.exec(line) ?? [];
  if (state === undefined || kind === undefined)
    throw new Error(`"${line}" was given; expected a report or an action`);
  const at = BASE_MS + Number(second) * 1_000;
  switch (kind) {
    case 'acknowledge':
      return applyAction(state, {
        kind,
        acknowledgement: { by: 'ops', comment: '', at, expiresAt: undefined },
      });
    case 'expire':
      return applyAction(state, { kind, at, lastReceivedAt, cause: 'absent' });
    default:
      return applyAction(state, { kind: kind as 'confirm' | 'refute' | 'time', at });
  }
}

function replay(text: string): Story {
  const story: Story = { state: undefined, lastReceivedAt: 0, steps: [] };
  for (const line of text.split(';')) applyLine(story, line.trim());
  return story;
}

function outcome(text: string): string {
  const { state, steps } = replay(text);
  return `${steps.join(', ')} | ${state?.open === true ? 'open' : 'closed'}`;
}

type Row = readonly [rule: string, story: string, outcome: string];

const TABLE: readonly Row[] = [
  ['never seen: firing', 'A 10: firing 0', 'fired | open'],
  ['never seen: resolved', 'A 60: resolved 0..50', 'resolved_unseen | closed'],
  ['open: a repeat', 'A 10: firing 0; A 310: firing 0; B 311: firing 0', 'fired | open'],
  [
    'open: another start of the same life',
    'A 70: firing 0; B 75: firing 60; B 76: firing -300',
    'fired | open',
  ],
  [
    'open: a clearly later start',
    'A 10: firing 0; A 99: firing 61',
    'fired, implicit_resolve, fired 2 | open',
  ],
  ['open: resolved', 'A 10: firing 0; A 60: resolved 0..50', 'fired, resolved | closed'],
  ['open: resolved without an end', 'A 10: firing 0; A 60: ends 0', 'fired, resolved | closed'],
  [
    'open: an unseen life within it is resolved',
    'A 10: firing 0; A 650: resolved 500..600',
    'fired, resolved | closed',
  ],
  [
    'closed: resolved again',
    'A 10: firing 0; A 60: resolved 0..50; B 61: resolved 0..55; A 99: resolved 0..50',
    'fired, resolved | closed',
  ],
  [
    'closed: a later start',
    'A 10: firing 0; A 60: resolved 0..50; A 70: firing 51',
    'fired, resolved, fired 2 | open',
  ],
  [
    'closed: a later life that has ended',
    'A 10: firing 0; A 60: resolved 0..50; A 99: resolved 60..90',
    'fired, resolved, resolved_unseen 2 | closed',
  ],
  [
    'closed: the same start, from another member within the window',
    'A 10: firing 0; A 60: resolved 0..50; B 70: firing 0; B 99: firing 0',
    'fired, resolved, stale_suspect | closed',
  ],
  [
    'closed: the same start, from another member after the window',
    'A 10: firing 0; A 60: resolved 0..50; B 391: firing 0',
    'fired, resolved, reopened | open',
  ],
  [
    'closed: the same start, from the member that reported the end',
    'A 10: firing 0; A 60: resolved 0..50; A 70: firing 0',
    'fired, resolved, reopened | open',
  ],
  [
    'open: no report for too long, or no Alertmanager has it',
    'A 10: firing 0; 999: expire',
    'fired, expired_unconfirmed | closed',
  ],
];

const LATE: readonly Row[] = [
  [
    'an older start of the member that reported the end is a life',
    'A: firing -300; A: resolved -300..-100; A: firing -90; A: resolved -90..-60; A: firing -300',
    'fired, resolved, fired 2, resolved 2, reopened 2 | open',
  ],
  [
    'a resolve with an older start ends what began before its end',
    'A: firing -300; A: firing -90; A: firing -300; A: resolved -300..-10',
    'fired, implicit_resolve, fired 2, resolved 2 | closed',
  ],
  [
    'a resolve that ends before the newest start changes nothing, whoever reports it',
    'A: firing -300; A: resolved -300..-100; A: firing -90; B: resolved -300..-100; A: resolved -300..-90',
    'fired, resolved, fired 2 | open',
  ],
  ['nor does one of an unseen life', 'A: firing -90; B: resolved -300..-100', 'fired | open'],
  [
    'an older start of another member, within the window, is held',
    'A: firing -300; A: resolved -300..-100; A: firing -90; A: resolved -90..-60; B: firing -300',
    'fired, resolved, fired 2, resolved 2, stale_suspect 2 | closed',
  ],
  [
    'an older start after an end that no one reported is a life',
    'A 10: firing 0; A 510: firing 500; 900: expire; B 901: firing 0',
    'fired, implicit_resolve, fired 2, expired_unconfirmed 2, reopened 2 | open',
  ],
];

const CLOCKS: readonly Row[] = [
  [
    'a start later than its receipt',
    'A: firing +3600; A: firing -5; A: resolved -5..0',
    'fired, resolved | closed',
  ],
  [
    'starts and ends later than their receipt, and a corrected clock',
    'A: firing +3600; A: resolved +3600..+3660; A: firing +3800; A: resolved +3800..+3860; A: firing 0',
    'fired, resolved, fired 2, resolved 2, reopened 2 | open',
  ],
  [
    'the same, spread over time',
    'A 5: firing +3600; A 65: resolved +3600..+3660; A 205: firing +3800; A 265: resolved +3800..+3860; A 310: firing 300',
    'fired, resolved, fired 2, resolved 2, fired 3 | open',
  ],
  [
    'repeats of what is later than its receipt',
    'A 5: firing +3600; A 305: firing +3600; A 365: resolved +3600..+3960; A 665: resolved +3600..+3960',
    'fired, resolved | closed',
  ],
  [
    'our own clock is set back',
    'A 5000: firing 4990; A 1400: firing 4990; A 1500: resolved 4990..5090; A 1700: firing 5290',
    'fired, resolved, fired 2 | open',
  ],
];

const SHORT: readonly Row[] = [
  [
    'five lives of six seconds, each reported completely',
    [0, 12, 24, 36, 48]
      .flatMap((start) => [
        `A ${start + 1}: firing ${start}`,
        `A ${start + 7}: resolved ${start}..${start + 6}`,
      ])
      .join('; '),
    'fired, resolved, fired 2, resolved 2, fired 3, resolved 3, fired 4, resolved 4, fired 5, resolved 5 | closed',
  ],
  [
    'one member reports a short life completely, another the next',
    'A 1: firing 0; A 7: resolved 0..6; B 13: firing 12',
    'fired, resolved, fired 2 | open',
  ],
  [
    'a life after a reported end, while the episode was reopened',
    'A 1: firing 0; A 7: resolved 0..6; A 8: firing 0; A 30: resolved 12..18',
    'fired, resolved, reopened, implicit_resolve, resolved_unseen 2 | closed',
  ],
  [
    'a life that began before the latest of several reported ends, but after the first',
    'A 1: firing 0; A 7: resolved 0..6; B 241: resolved 0..240; A 242: firing 100',
    'fired, resolved, fired 2 | open',
  ],
];

const SUSPECT = 'A 10: firing 0; A 60: resolved 0..50; B 70: firing 0';
const SUSPECTED: readonly Row[] = [
  [
    'refuted by its own resolve',
    `${SUSPECT}; B 80: resolved 0..50; 430: time`,
    'fired, resolved, stale_suspect | closed',
  ],
  [
    'refuted by the resolve of the member that reported it first: it answers the report of the other',
    `${SUSPECT}; A 80: resolved 0..50; 430: time`,
    'fired, resolved, stale_suspect | closed',
  ],
  ['refuted by a list', `${SUSPECT}; 80: refute; 430: time`, 'fired, resolved, stale_suspect | closed'],
  ['confirmed by a list', `${SUSPECT}; 80: confirm`, 'fired, resolved, stale_suspect, reopened | open'],
  ['not yet confirmed by time', `${SUSPECT}; 429: time`, 'fired, resolved, stale_suspect | closed'],
  ['confirmed by time', `${SUSPECT}; 430: time`, 'fired, resolved, stale_suspect, reopened | open'],
  [
    'confirmed by the member that reported the end',
    `${SUSPECT}; A 80: firing 0`,
    'fired, resolved, stale_suspect, reopened | open',
  ],
  [
    'confirmed by a repeat after the window',
    `${SUSPECT}; B 391: firing 0`,
    'fired, resolved, stale_suspect, reopened | open',
  ],
  [
    'overtaken by the next life',
    `${SUSPECT}; A 80: firing 75; 430: time`,
    'fired, resolved, stale_suspect, fired 2 | open',
  ],
  [
    'of an earlier life: refuted by its end',
    'A 10: firing 0; A 60: resolved 0..50; A 99: resolved 60..90; B 100: firing 0; B 110: resolved 0..50; 999: time',
    'fired, resolved, resolved_unseen 2, stale_suspect 2 | closed',
  ],
  [
    'confirmed wrongly, and closed by the same end again',
    `${SUSPECT}; 430: time; A 440: resolved 0..50`,
    'fired, resolved, stale_suspect, reopened, resolved | closed',
  ],
];

const BY_LIST: readonly Row[] = [
  [
    'an episode closed without a report is reopened by a list that has it',
    'A 10: firing 0; 40: expire; 70: confirm',
    'fired, expired_unconfirmed, reopened | open',
  ],
  [
    'an episode whose end was reported is not',
    'A 10: firing 0; A 60: resolved 0..50; 70: confirm',
    'fired, resolved | closed',
  ],
  [
    'nor an episode whose end was reported later',
    'A 10: firing 0; 40: expire; A 60: resolved 0..50; 70: confirm',
    'fired, expired_unconfirmed | closed',
  ],
];

describe('the outcome for an alert', () => {
  it.each(TABLE)('%s', (_rule, story, expected) => expect(outcome(story)).toBe(expected));
});
describe('late reports', () => {
  it.each(LATE)('%s', (_rule, story, expected) => expect(outcome(story)).toBe(expected));
});
describe('wrong clocks', () => {
  it.each(CLOCKS)('%s', (_rule, story, expected) => expect(outcome(story)).toBe(expected));

  it('stores times as reported', () => {
    const { state } = replay('A 5: firing +3600; A 65: resolved +3600..+3660');
    expect([state?.startsAt, state?.endsAt]).toEqual([instant(3_600).ns, instant(3_660).ns]);
  });
});
describe('lives shorter than the tolerance', () => {
  it.each(SHORT)('%s', (_rule, story, expected) => expect(outcome(story)).toBe(expected));
});
describe('a suspect', () => {
  it.each(SUSPECTED)('%s', (_rule, story, expected) => expect(outcome(story)).toBe(expected));
});
describe('the list of the sender', () => {
  it.each(BY_LIST)('%s', (_rule, story, expected) => expect(outcome(story)).toBe(expected));
});

describe('an acknowledgement', () => {
  it.each<[string, string, boolean]>([
    ['is kept by repeats', 'A 10: firing 0; 20: acknowledge; A 310: firing 0', true],
    [
      'is carried where group_interval explains the gap',
      'A 10: firing 0; 20: acknowledge; A 310: firing 310',
      true,
    ],
    ['ends with a life that ended unseen', 'A 10: firing 0; 20: acknowledge; A 9000: firing 8990', false],
    [
      'ends with its episode',
      'A 10: firing 0; 20: acknowledge; A 60: resolved 0..50; A 70: firing 65',
      false,
    ],
    [
      'is kept when the same start comes back after a copy that timed out',
      'A 10: firing 0; 20: acknowledge; A 260: resolved 0..250; A 300: firing 0',
      true,
    ],
    [
      'is kept when the start comes back within the tolerance',
      'A 70: firing 0; 80: acknowledge; A 360: resolved 0..350; A 400: firing 55',
      true,
    ],
    [
      'ends when it comes back with another start',
      'A 99: firing 0; 99: acknowledge; A 360: resolved 0..350; A 400: firing 200',
      false,
    ],
    [
      'is kept when a suspect with the same start is confirmed',
      'A 10: firing 0; 20: acknowledge; A 60: resolved 0..50; B 70: firing 0; 80: confirm',
      true,
    ],
    ['is kept when a list brings it back', 'A 10: firing 0; 20: acknowledge; 99: expire; 130: confirm', true],
    [
      'is kept when it comes back after it expired',
      'A 10: firing 0; 20: acknowledge; 99: expire; A 130: firing 0',
      true,
    ],
    [
      'ends when another life fires after it expired',
      'A 10: firing 0; 20: acknowledge; 99: expire; A 130: firing 120',
      false,
    ],
  ])('%s', (_rule, story, expected) => {
    const { state } = replay(story);
    expect([state?.open, state?.acknowledged]).toEqual([true, expected]);
    expect(state?.acknowledgement === undefined).toBe(!expected);
  });
});
