import type { TargetParts, TargetProblem } from '../prober.ts';
import { serverAddress } from '../net/host-port.ts';
import { hasControls } from '../net/wire-text.ts';
import { nameLabels } from './escapes.ts';
import { classNumber, typeNumber } from './names.ts';

/** A name server, and the question if the address has one. */
export interface DnsTarget {
  /** Without brackets. */
  readonly host: string;
  readonly port: number | undefined;
  readonly name: string | undefined;
  readonly type: number | undefined;
  readonly class: number | undefined;
}

const EXPECTED =
  'expected a name server such as 192.0.2.53, dns.example:53 or [2001:db8::53]:53, or one with a question: dns://192.0.2.53/example.org?type=AAAA';

/** A name server, or a URI with a question (RFC 4501): `dns://server[:port]/name[?type=T[;class=C]]`. */
export function dnsTarget(address: string): DnsTarget | TargetProblem {
  const uri = /^dns:\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/i.exec(address);
  if (uri === null) {
    const server = serverAddress(address, EXPECTED);
    return 'problem' in server ? server : { ...server, name: undefined, type: undefined, class: undefined };
  }
  const [, authority = '', path = '', query = ''] = uri;
  const server = serverAddress(authority, EXPECTED);
  const name = decoded(path);
  if ('problem' in server) return server;
  if (name === undefined || (name !== '' && !isQuestion(name)))
    return { problem: `"${path}" is not a domain name; ${EXPECTED}` };
  const question = questionOf(query);
  return 'problem' in question ? question : { ...server, ...question, name: name === '' ? undefined : name };
}

/** The parts of an address that may be shown: never its query. */
export function dnsTargetParts(address: string): TargetParts | TargetProblem {
  const target = dnsTarget(address);
  if ('problem' in target) return target;
  return { label: address.replace(/\?.*$/, ''), host: target.host };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** In a zone file a name may have any octets; the name in a target has no control characters, escaped or not. */
function isQuestion(name: string): boolean {
  return nameLabels(name)?.every((label) => !hasControls(label.toString('latin1'))) === true;
}

function questionOf(query: string): Pick<DnsTarget, 'type' | 'class'> | TargetProblem {
  const found: { type?: number; class?: number } = {};
  for (const part of query.split(/[;&]/).filter((each) => each !== '')) {
    const [key = '', value = ''] = part.split('=', 2).map((each) => each.toUpperCase());
    const number = key === 'TYPE' ? typeNumber(value) : key === 'CLASS' ? classNumber(value) : undefined;
    if (number === undefined)
      return {
        problem: `"${part}" is neither type=… with a DNS type nor class=… with a DNS class; ${EXPECTED}`,
      };
    if (key === 'TYPE') found.type = number;
    else found.class = number;
  }
  return { type: found.type, class: found.class };
}
