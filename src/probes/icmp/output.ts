/** The outcome of `ping -c 1`. */
export type PingReport =
  | {
      readonly kind: 'reply';
      /** Absent when ping does not report it: the payload is too small for a timestamp. */
      readonly rttSeconds: number | undefined;
      readonly hopLimit: number | undefined;
    }
  /** The reply does not contain what was sent. */
  | { readonly kind: 'wrong_reply' }
  /** A router or this host's routes report that it cannot be reached; `text` is their message. */
  | { readonly kind: 'unreachable'; readonly text: string }
  | { readonly kind: 'too_big' }
  /** The kernel does not allow this user to ping. */
  | { readonly kind: 'forbidden' }
  /** The source address is not one of this host. */
  | { readonly kind: 'no_such_source' }
  | { readonly kind: 'silence' }
  /** Anything else. */
  | { readonly kind: 'other'; readonly text: string };

/** iputils and inetutils (`icmp_seq=1 ttl=64`), busybox (`seq=0 ttl=64`), BSD (`icmp_seq=0 hlim=64`). */
const REPLY = /^\d+ bytes from \S+.*\b(?:icmp_)?seq=\d+\b(.*)$/m;
const HOP_LIMIT = /\b(?:ttl|hlim)=(\d{1,3})\b/;
const RTT = /\btime[=<](\d+(?:\.\d+)?) ?ms\b/;
const ROUTER = /^From \S+ .*?\b(?:icmp_)?seq=\d+ +(.*)$/im;
const TOO_BIG = /message too long|Frag(?:mentation)? needed|Packet too big/i;
const UNREACHABLE = /unreachable|no route to host|prohibited|exceeded|filtered/i;

/**
 * Parses the output of `ping` in the C locale.
 * @param out its standard output
 * @param err its standard error
 */
export function readPing(out: string, err: string): PingReport {
  const reply = REPLY.exec(out);
  if (reply !== null) return readReply(reply[1] ?? '', out);
  const message = firstComplaint(err);
  if (TOO_BIG.test(out) || TOO_BIG.test(err)) return { kind: 'too_big' };
  // a firewall's refusal to send differs from a kernel's to open a socket only in the operation that is named
  if (/\b(?:socket|socktype|raw)\b.*(?:not permitted|permission denied)/i.test(err))
    return { kind: 'forbidden' };
  if (/lacking privilege|are you root|must be root/i.test(err)) return { kind: 'forbidden' };
  if (/\bbind\b|cannot assign|unknown iface/i.test(err)) return { kind: 'no_such_source' };
  const router = ROUTER.exec(out)?.[1]?.trim();
  if (router !== undefined && router !== '') return { kind: 'unreachable', text: router };
  if (UNREACHABLE.test(err) || /not permitted/i.test(err)) return { kind: 'unreachable', text: message };
  if (message !== '') return { kind: 'other', text: message };
  return /\b0 (?:packets )?received\b/.test(out) || out === ''
    ? { kind: 'silence' }
    : { kind: 'other', text: shortened(out) };
}

function readReply(rest: string, out: string): PingReport {
  if (rest.includes('(truncated)') || /^wrong (?:data byte|total length)/m.test(out))
    return { kind: 'wrong_reply' };
  const hops = HOP_LIMIT.exec(rest)?.[1];
  const rtt = RTT.exec(rest)?.[1];
  return {
    kind: 'reply',
    rttSeconds: rtt === undefined ? undefined : Number(rtt) / 1_000,
    hopLimit: hops === undefined ? undefined : Number(hops),
  };
}

const MAX_TEXT = 200;

/** The last line of ping's output, without the program's name: `ping: connect: Network is unreachable`. */
function firstComplaint(err: string): string {
  const lines = err.split('\n').filter((line) => line.trim() !== '' && !/warning:/i.test(line));
  return shortened((lines.at(-1) ?? '').replace(/^(?:\S*\/)?ping6?: (?:connect: |sendmsg: |sendto: )?/, ''));
}

function shortened(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, MAX_TEXT);
}
