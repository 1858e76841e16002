import {
  runFailingSync,
  runFileLimit,
  runFullDisk,
  runSyncs,
  type FaultRecord,
} from '../e2e/scenarios/failing-disk.ts';
import { runKillNine } from '../e2e/scenarios/kill-nine.ts';

/** What a 200 guarantees when the process or the disk fails. */
export async function prove() {
  const syncs = await runSyncs(500);
  const faults: [string, FaultRecord][] = [
    ['every fsync and fdatasync fails (EIO, by strace)', await runFailingSync(100)],
    ['disk full (tmpfs of 8 MiB)', await runFullDisk(100)],
    ['RLIMIT_FSIZE of 4 KiB', await runFileLimit(100)],
  ];
  const kills = await runKillNine(100);
  return {
    title: 'What was answered with 200 is on disk',
    rows: [
      ['rounds of load, `kill -9`, restart', String(kills.rounds)],
      ['deliveries answered with 200; without a response', `${kills.answered}; ${kills.unanswered}`],
      ['other answers', String(kills.otherAnswers)],
      ['alerts answered with 200', String(kills.promised)],
      ['of those, not in the ledger', String(kills.lost)],
      ['alerts in the ledger more than once', String(kills.twice)],
      ['deliveries without a response that are stored completely', String(kills.wholeUnanswered)],
      ['deliveries that are stored in part', String(kills.half)],
      ['time of the rounds', `${kills.seconds.toFixed(0)} s`],
      ['requests one by one under strace: answered with 200', String(syncs.answers)],
      ['of those, without a prior sync of the write-ahead log', String(syncs.unsynced)],
      ...faults.flatMap(([name, { failing, recoverySeconds, wrong, answered }]): [string, string][] => [
        [
          `${name}: answers meanwhile`,
          Object.entries(failing)
            .map(([status, count]) => `${status}: ${count}`)
            .join(', '),
        ],
        [`${name}: from its end to the first 200`, `${recoverySeconds.toFixed(2)} s`],
        [`${name}: alerts answered with 200; not in the ledger exactly once`, `${answered}; ${wrong.length}`],
      ]),
    ] as [string, string][],
    notes: [
      '16 senders, 1 to 8 alerts in a delivery; every 60th has 1,000 (about 300 KB, written in slices). Each round lasts 150 to 400 ms.',
      'After each fault, what was refused is sent again; then Tocsin is killed and restarted before the ledger is read.',
    ],
  };
}
