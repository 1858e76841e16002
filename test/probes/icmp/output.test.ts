import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readPing, type PingReport } from '../../../src/probes/icmp/output.ts';

const iputils = (line: string, received = 1) =>
  `PING 192.0.2.1 (192.0.2.1) 28(56) bytes of data.\n${line}\n\n--- 192.0.2.1 ping statistics ---\n1 packets transmitted, ${received} received, ${received === 1 ? 0 : 100}% packet loss, time 0ms\n`;

const reply = (rttSeconds: number | undefined, hopLimit: number | undefined): PingReport => ({
  kind: 'reply',
  rttSeconds,
  hopLimit,
});
const unreachable = (text: string): PingReport => ({ kind: 'unreachable', text });

describe('the standard output of ping', () => {
  it.each<[string, string, PingReport]>([
    ['iputils', iputils('36 bytes from 192.0.2.1: icmp_seq=1 ttl=64 time=0.031 ms'), reply(0.000_031, 64)],
    ['iputils, IPv6', iputils('36 bytes from ::1: icmp_seq=1 ttl=255 time=12.5 ms'), reply(0.0125, 255)],
    [
      'iputils, a scoped address',
      iputils('36 bytes from fe80::1%eth0: icmp_seq=1 ttl=64 time=1 ms'),
      reply(0.001, 64),
    ],
    ['iputils, seconds', iputils('36 bytes from 192.0.2.1: icmp_seq=1 ttl=64 time=2150 ms'), reply(2.15, 64)],
    ['iputils, a small payload', iputils('12 bytes from 192.0.2.1: icmp_seq=1 ttl=64'), reply(undefined, 64)],
    [
      'iputils, twice',
      iputils('36 bytes from 192.0.2.1: icmp_seq=1 ttl=64 time=0.1 ms (DUP!)'),
      reply(0.0001, 64),
    ],
    [
      'iputils, a name',
      iputils('36 bytes from a.example (192.0.2.1): icmp_seq=1 ttl=3 time=0.1 ms'),
      reply(0.0001, 3),
    ],
    ['busybox', '64 bytes from 192.0.2.1: seq=0 ttl=63 time=0.062 ms\n', reply(0.000_062, 63)],
    ['BSD, IPv6', '16 bytes from ::1, icmp_seq=0 hlim=64 time=0.100 ms\n', reply(0.0001, 64)],
    ['less than can be measured', '64 bytes from 192.0.2.1: icmp_seq=1 ttl=9 time<1 ms\n', reply(0.001, 9)],
    ['truncated', iputils('36 bytes from 192.0.2.1: icmp_seq=1 ttl=64 (truncated)'), { kind: 'wrong_reply' }],
    [
      'other data',
      iputils(
        '36 bytes from 192.0.2.1: icmp_seq=1 ttl=64 time=0.1 ms\nwrong data byte #16 should be 0x10 but was 0x0',
      ),
      { kind: 'wrong_reply' },
    ],
    [
      'no host',
      iputils('From 192.0.2.9 icmp_seq=1 Destination Host Unreachable', 0),
      unreachable('Destination Host Unreachable'),
    ],
    [
      'time to live',
      iputils('From 192.0.2.9 icmp_seq=1 Time to live exceeded', 0),
      unreachable('Time to live exceeded'),
    ],
    [
      'a filter',
      iputils('From gw (192.0.2.9) icmp_seq=1 Packet filtered', 0),
      unreachable('Packet filtered'),
    ],
    [
      'too big',
      iputils('From 192.0.2.9 icmp_seq=1 Frag needed and DF set (mtu = 1400)', 0),
      { kind: 'too_big' },
    ],
    ['no reply', iputils('', 0), { kind: 'silence' }],
    ['no output', '', { kind: 'silence' }],
    ['something else', 'hello there\n', { kind: 'other', text: 'hello there' }],
  ])('%s', (_what, out, expected) => {
    expect(readPing(out, '')).toEqual(expected);
  });
});

describe('the standard error of ping', () => {
  it.each<[string, PingReport]>([
    ['ping: connect: Network is unreachable', unreachable('Network is unreachable')],
    ['ping: sendmsg: No route to host', unreachable('No route to host')],
    ['ping: sendmsg: Operation not permitted', unreachable('Operation not permitted')],
    ['ping: socket: Operation not permitted', { kind: 'forbidden' }],
    ['ping: socktype: SOCK_RAW\nping: socket: Operation not permitted', { kind: 'forbidden' }],
    [
      'ping: socket: Permission denied\nping: => missing cap_net_raw+p capability or setuid?',
      { kind: 'forbidden' },
    ],
    ['ping: permission denied (are you root?)', { kind: 'forbidden' }],
    ['ping: Lacking privilege for icmp socket.', { kind: 'forbidden' }],
    ['ping: bind: Cannot assign requested address', { kind: 'no_such_source' }],
    ['ping: local error: message too long, mtu=1500', { kind: 'too_big' }],
    ['ping: sendmsg: Message too long', { kind: 'too_big' }],
    [
      "ping: invalid argument: '70000': out of range: 0 <= value <= 65507",
      { kind: 'other', text: "invalid argument: '70000': out of range: 0 <= value <= 65507" },
    ],
    ['ping: Warning: source address might be selected on device other than: lo', { kind: 'silence' }],
  ])('%s', (err, expected) => {
    expect(readPing('', err)).toEqual(expected);
  });
});

describe('any text', () => {
  const kinds = [
    'reply',
    'wrong_reply',
    'unreachable',
    'too_big',
    'forbidden',
    'no_such_source',
    'silence',
    'other',
  ];

  it('is one of the reports, and short', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 500 }), fc.string({ maxLength: 500 }), (out, err) => {
        const report = readPing(out, err);
        expect(kinds).toContain(report.kind);
        if ('text' in report) expect(report.text.length).toBeLessThanOrEqual(500);
      }),
    );
  });

  it('around a reply does not hide it', () => {
    const noise = fc.stringMatching(/^[A-Za-z ().]{0,40}$/);
    fc.assert(
      fc.property(noise, fc.nat(255), fc.nat(1_000_000), (text, ttl, micros) => {
        const line = `64 bytes from 192.0.2.1: icmp_seq=1 ttl=${ttl} time=${micros / 1_000} ms`;
        const report = readPing(`PING ${text}\n${line}\n\n--- ${text} ---\n`, '');
        expect(report).toEqual({ kind: 'reply', hopLimit: ttl, rttSeconds: micros / 1_000 / 1_000 });
      }),
    );
  });
});
