import { isIP } from 'node:net';
import { SUCCESS, unknown } from '../domain/result.ts';
import type { Target } from '../domain/service.ts';
import { sample } from '../metrics/family.ts';
import { HOP_LIMIT, ICMP_FAMILIES, icmpDurations, unmeasuredIcmp } from './icmp/families.ts';
import { readPing, type PingReport } from './icmp/output.ts';
import { pingArguments, runPing } from './icmp/ping.ts';
import { icmpSettings, type IcmpSettings } from './icmp/settings.ts';
import { NoSlotError, Slots } from './icmp/slots.ts';
import { requireSameFamily, resolve } from './net/dial.ts';
import { agentFault, fail, type ProbeFailure } from './net/failure.ts';
import { PhaseTimer, verdictOf } from './net/phases.ts';
import type { Outcome, Prober, Run, TargetParts, TargetProblem } from './prober.ts';
import { defineProber } from './prober.ts';

interface BoundSettings extends IcmpSettings {
  /** Shared by all services of a configuration. */
  readonly slots: Slots;
}

/** The most concurrent pings; further runs wait, within their time. */
const MAX_PINGS = 64;

export interface IcmpOptions {
  /** The ping program. */
  readonly command: string;
  readonly maxPings?: number;
}

/** Sends one echo request through the system's `ping`, with blackbox_exporter's keys and families. */
export const icmpProber = createIcmpProber({ command: 'ping' });

/** The prober with another ping program, and for tests. */
export function createIcmpProber({ command, maxPings = MAX_PINGS }: IcmpOptions): Prober {
  return defineProber<BoundSettings>({
    type: 'icmp',
    families: ICMP_FAMILIES,
    settings: (files) => {
      const slots = new Slots(maxPings);
      return icmpSettings(files).transform((given) => ({ ...given, slots }));
    },
    target: icmpTarget,
    unmeasured: unmeasuredIcmp,
    probe: (target, settings, run) => probe(target.address, { settings, run, command }),
  });
}

function icmpTarget(address: string): TargetParts | TargetProblem {
  if (isIP(address) === 0 && !/^[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_.])?$/i.test(address)) {
    // the text before an @ may be a password
    const given = address.includes('@') ? 'an address with an @' : `"${address}"`;
    return {
      problem: `${given} is not a host; expected a name or an address without port, such as router.example, 192.0.2.1 or 2001:db8::1`,
    };
  }
  return { label: address, host: address };
}

interface Ping {
  readonly settings: BoundSettings;
  readonly run: Run;
  readonly command: string;
}

async function probe(host: Target['address'], ping: Ping): Promise<Outcome> {
  const { run } = ping;
  const timer = new PhaseTimer(run.monotonic);
  try {
    const report = await send(host, ping, timer);
    const { resolve: resolving, processing = 0 } = timer.stop();
    if (report.kind !== 'reply') throw unanswered(report, host);
    const { rttSeconds: rtt, hopLimit } = report;
    const setup = rtt === undefined ? undefined : Math.max(0, processing - rtt);
    run.log('answered', { rtt_seconds: rtt, hop_limit: hopLimit });
    const phases = rtt === undefined || setup === undefined ? {} : { connect: setup, processing: rtt };
    return {
      verdict: SUCCESS,
      samples: [
        ...icmpDurations({ resolve: resolving, setup, rtt }),
        ...(hopLimit === undefined ? [] : [sample(HOP_LIMIT, hopLimit)]),
      ],
      phases: { ...(resolving !== undefined && { resolve: resolving }), ...phases },
    };
  } catch (error) {
    const phases = timer.stop();
    const queued = run.signal.aborted && error instanceof NoSlotError;
    const verdict = queued ? unknown('agent_limit', error.message) : verdictOf(error, run, timer);
    return { verdict, samples: icmpDurations({ resolve: phases.resolve }), phases };
  }
}

async function send(host: string, { settings, run, command }: Ping, timer: PhaseTimer): Promise<PingReport> {
  timer.enter('resolve');
  const found = await resolve(run, { host, ...settings.ip });
  requireSameFamily(settings.sourceAddress, found);
  const gone = await settings.slots.acquire(run.signal);
  timer.enter('processing');
  const args = pingArguments(settings, found.address, run.timeoutMs);
  const { out, err } = await runPing({ command, args, signal: run.signal, gone });
  if (err !== '') run.log('ping reported errors', { text: err.slice(0, 500) });
  return readPing(out, err);
}

const PERMISSION =
  'Tocsin is not permitted to ping on this host: set the sysctl net.ipv4.ping_group_range to include its group (as in "0 2147483647"), or give ping the capability (setcap cap_net_raw+ep)';

/** The failure for a ping without a reply. */
function unanswered(report: Exclude<PingReport, { kind: 'reply' }>, host: string): ProbeFailure {
  switch (report.kind) {
    case 'wrong_reply':
      return fail('reply', `${host} answered with different data from what was sent`);
    case 'unreachable':
      return fail('connect', `${host} cannot be reached: ${report.text}`);
    case 'too_big':
      return fail(
        'config',
        `payload_size is too large for the path to ${host} without fragments (dont_fragment)`,
      );
    case 'no_such_source':
      return fail('config', 'source_ip_address is not an address of this host');
    case 'silence':
      return fail('timeout', `${host} did not answer`);
    case 'forbidden':
      return agentFault('agent_error', PERMISSION);
    case 'other':
      return agentFault('agent_error', `ping failed: ${report.text}`);
  }
}
