import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createIcmpProber, icmpProber } from '../../src/probes/icmp.ts';
import { NameNotFoundError } from '../../src/probes/net/resolver.ts';
import { runProbe } from '../../src/probes/run.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { describeWithPeers } from '../support/processes/peers.ts';
import {
  exposedFamilies,
  hostsResolver,
  labelsOf,
  probeOf,
  refusals,
  run,
  targetOf,
  valueOf,
  verdictText,
} from '../support/probes/probe.ts';
import { until } from '../support/until.ts';

let folder: string;
let count = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tocsin-icmp-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A prober whose `ping` is a shell script. */
function scripted(lines: string, maxPings?: number) {
  const command = join(folder, `ping${++count}`);
  writeFileSync(command, `#!/bin/sh\n${lines}\n`);
  chmodSync(command, 0o755);
  return createIcmpProber({ command, ...(maxPings !== undefined && { maxPings }) });
}

const says = (out: string, err = ''): string =>
  `cat <<'OUT'\n${out}\nOUT\ncat >&2 <<'ERR'\n${err}\nERR\nexit 1`;

describeWithPeers(['ping'], 'an icmp run', () => {
  it.each([
    ['127.0.0.1', 4],
    ['::1', 6],
  ])('to %s succeeds, with its round-trip time and hop limit', async (address, version) => {
    const result = await run(icmpProber, address);
    expect(verdictText(result)).toBe('success');
    expect(valueOf(result, 'probe_icmp_reply_hop_limit')).toBe(64);
    expect(valueOf(result, 'probe_ip_protocol')).toBe(version);
    const rtt = valueOf(result, 'probe_icmp_duration_seconds', { phase: 'rtt' }) ?? 0;
    expect(rtt).toBeGreaterThan(0);
    expect(rtt).toBeLessThan(result.durationSeconds);
    expect(Object.keys(result.phases)).toEqual(['resolve', 'connect', 'processing']);
    expect(result.phases.processing).toBe(rtt);
  });

  it.each([
    ['preferred_ip_protocol', { preferred_ip_protocol: 'ip4' }],
    ['payload_size', { payload_size: 1_000 }],
    ['dont_fragment', { dont_fragment: true }],
    ['ttl', { ttl: 3 }],
    ['ttl 0', { ttl: 0 }],
    ['source_ip_address', { source_ip_address: '127.0.0.9', preferred_ip_protocol: 'ip4' }],
  ])('accepts %s', async (_key, settings) => {
    expect(verdictText(await run(icmpProber, '127.0.0.1', { settings }))).toBe('success');
  });

  it('has no round-trip time, rather than an invented one, for a payload too small to hold a time', async () => {
    const result = await run(icmpProber, '127.0.0.1', { settings: { payload_size: 8 } });
    expect(verdictText(result)).toBe('success');
    expect(valueOf(result, 'probe_icmp_duration_seconds', { phase: 'rtt' })).toBeUndefined();
    expect(valueOf(result, 'probe_icmp_reply_hop_limit')).toBe(64);
  });

  it('fails with timeout when no host answers', async () => {
    // a multicast group on the loopback: the request stays on this machine, and hosts do not answer groups
    const settings = { source_ip_address: '127.0.0.1' };
    const result = await run(icmpProber, '224.0.0.251', { settings, timeoutMs: 300 });
    expect(verdictText(result)).toBe('timeout: Request timed out after 300ms while waiting for the answer');
    expect(labelsOf(result, 'probe_icmp_duration_seconds')).toEqual({ phase: 'resolve' });
  });

  it.each([
    ['192.0.2.99', '127.0.0.1', 'config: source_ip_address is not an address of this host'],
    ['::1', '127.0.0.1', 'config: source_ip_address ::1 cannot reach 127.0.0.1: one is IPv4, the other IPv6'],
  ])('fails with config when it cannot ping from %s', async (source_ip_address, address, expected) => {
    expect(verdictText(await run(icmpProber, address, { settings: { source_ip_address } }))).toBe(expected);
  });

  it('exposes what its golden file says', async () => {
    expect(exposedFamilies(await run(icmpProber, '127.0.0.1'))).toBe(
      readFileSync('test/probes/golden/icmp.txt', 'utf8'),
    );
  });
});

describe('the output of ping', () => {
  it.each([
    [
      'From 192.0.2.9 icmp_seq=1 Destination Host Unreachable',
      '',
      'connect: 127.0.0.1 cannot be reached: Destination Host Unreachable',
    ],
    [
      '',
      'ping: connect: Network is unreachable',
      'connect: 127.0.0.1 cannot be reached: Network is unreachable',
    ],
    [
      '36 bytes from 127.0.0.1: icmp_seq=1 ttl=64 (truncated)',
      '',
      'reply: 127.0.0.1 answered with different data from what was sent',
    ],
    [
      '',
      'ping: local error: message too long, mtu=1500',
      'config: payload_size is too large for the path to 127.0.0.1 without fragments (dont_fragment)',
    ],
    ['1 packets transmitted, 0 received', '', 'timeout: 127.0.0.1 did not answer'],
  ])('%s%s', async (out, err, expected) => {
    expect(verdictText(await run(scripted(says(out, err)), '127.0.0.1'))).toBe(expected);
  });
});

describe('a fault that is not the target’s is unknown', () => {
  it('when this kernel does not let us ping, with what to do', async () => {
    const prober = scripted(says('', 'ping: socket: Operation not permitted'));
    const { verdict } = await run(prober, '127.0.0.1');
    expect(verdict).toMatchObject({ status: 'unknown', reason: 'agent_error' });
    expect(verdict).toHaveProperty('text', expect.stringContaining('net.ipv4.ping_group_range'));
  });

  it('without ping, with what to do', async () => {
    const { verdict } = await run(createIcmpProber({ command: 'ping-that-is-not-there' }), '127.0.0.1');
    expect(verdict).toEqual({
      status: 'unknown',
      reason: 'agent_error',
      text: 'This host has no ping-that-is-not-there: install it (Debian and Ubuntu: apt-get install iputils-ping)',
    });
  });

  it('when ping cannot be run', async () => {
    const command = join(folder, 'not-executable');
    writeFileSync(command, 'x');
    expect(verdictText(await run(createIcmpProber({ command }), '127.0.0.1'))).toBe(
      `agent_error: ${command} cannot be started (EACCES)`,
    );
  });

  it('when ping reports something unknown', async () => {
    expect(verdictText(await run(scripted(says('', 'ping: I am a teapot')), '127.0.0.1'))).toBe(
      'agent_error: ping failed: I am a teapot',
    );
  });

  it('when all places were taken until the deadline', async () => {
    const probe = probeOf(scripted('exec sleep 30', 1));
    const clock = new ManualClock();
    const target = targetOf(icmpProber, '127.0.0.1');
    const options = { probe, target, resolver: hostsResolver(), clock };
    const first = runProbe({ ...options, timeoutMs: 600 });
    const second = runProbe({ ...options, timeoutMs: 200 });
    await clock.advance(200);
    expect(verdictText(await second)).toBe(
      'agent_limit: All slots for pings were in use until the timeout: probe less often, or fewer hosts',
    );
    await clock.advance(400);
    expect(verdictText(await first)).toMatch(/^timeout:/);
  });
});

describe('the child process', () => {
  it('is killed at the deadline, and frees its place for the next', async () => {
    const pidFile = join(folder, 'pid');
    const probe = probeOf(
      scripted(`echo $$ > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; exec sleep 30`, 1),
    );
    const clock = new ManualClock();
    const target = targetOf(icmpProber, '127.0.0.1');
    /** A run whose deadline comes once its ping has started; returns the process id of that. */
    const runToDeadline = async (): Promise<string> => {
      const running = runProbe({ probe, target, resolver: hostsResolver(), clock, timeoutMs: 200 });
      await until(() => existsSync(pidFile), { what: 'the start of ping' });
      await clock.advance(200);
      expect(verdictText(await running)).toMatch(/^timeout:/);
      const pid = readFileSync(pidFile, 'utf8').trim();
      rmSync(pidFile);
      return pid;
    };
    const pid = await runToDeadline();
    await until(() => !existsSync(`/proc/${pid}`));
    // its place was freed: it is the only one
    await runToDeadline();
  });

  it('runs in the C locale, without Tocsin’s environment', async () => {
    const file = join(folder, 'env');
    await run(scripted(`env > ${file}`), '127.0.0.1');
    const names = readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => !/^(?:PWD|_|SHLVL|OLDPWD)=/.test(line) && line !== '');
    expect(names.sort()).toEqual(['LC_ALL=C', expect.stringMatching(/^PATH=/)]);
  });

  it('is passed the resolved address, never the target’s text', async () => {
    const file = join(folder, 'args');
    const resolver = { lookup: () => Promise.resolve([{ address: '192.0.2.7', family: 4 as const }]) };
    const settings = { payload_size: 100, ttl: 9, dont_fragment: true, source_ip_address: '192.0.2.1' };
    await run(scripted(`printf '%s' "$*" > ${file}`), 'router.example', {
      resolver,
      settings,
      timeoutMs: 2_500,
    });
    expect(readFileSync(file, 'utf8').trim()).toBe('-n -c 1 -W 4 -s 100 -t 9 -M do -I 192.0.2.1 192.0.2.7');
  });
});

it('is not started when the name does not resolve, which fails with dns', async () => {
  const file = join(folder, 'started');
  const resolver = { lookup: () => Promise.reject(new NameNotFoundError('The name no.test does not exist')) };
  const result = await run(scripted(`touch ${file}`), 'no.test', { resolver });
  expect(verdictText(result)).toBe('dns: The name no.test does not exist');
  expect(existsSync(file)).toBe(false);
});

describe('icmp settings', () => {
  it.each([
    [{ ttl: 256 }, 'ttl: Too big: expected number to be <=255'],
    [{ ttl: -1 }, 'ttl: Too small: expected number to be >=0'],
    [{ payload_size: 65_508 }, 'payload_size: expected a number of bytes from 0 to 65507'],
    [{ payload_size: -1 }, 'payload_size: expected a number of bytes from 0 to 65507'],
    [{ source_ip_address: 'here' }, 'source_ip_address: expected an IP address of this host'],
    [{ count: 3 }, ': Unrecognized key: "count"'],
  ])('%j is refused', (settings, expected) => {
    expect(refusals(icmpProber, settings)).toEqual([expected]);
  });
});

describe('an icmp address', () => {
  it.each(['router.example', 'a_b', '192.0.2.1', '2001:db8::1', 'fe80::1%eth0', 'x.'])(
    '%s is read',
    (address) => {
      expect(icmpProber.target(address)).toEqual({ label: address, host: address });
    },
  );

  it.each(['', 'a:80', 'http://a', '-f', 'a b', '[::1]', 'user:hunter2@a', '.a'])(
    '%j is refused',
    (address) => {
      const read = icmpProber.target(address);
      expect('problem' in read ? read.problem : 'taken').toContain(
        'expected a name or an address without port',
      );
      expect(JSON.stringify(read)).not.toContain('hunter2');
    },
  );
});

it('separates the values that blackbox_exporter exposes for a host that does not answer', () => {
  const unmeasured = probeOf(icmpProber).unmeasured?.([]) ?? [];
  expect(unmeasured.map(({ family, labels, value }) => [family.name, labels['phase'], value])).toEqual([
    ['probe_icmp_duration_seconds', 'resolve', 0],
    ['probe_icmp_duration_seconds', 'setup', 0],
    ['probe_icmp_duration_seconds', 'rtt', 0],
  ]);
});
