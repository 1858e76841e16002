import type { Complaint } from '../domain/delivery.ts';

/** Alertmanager's payload is four deep; Grafana adds objects of its own. */
const MAX_DEPTH = 64;
/** A body of 64 MiB full of real alerts has about 640,000 objects and 4,000,000 members. */
const MAX_CONTAINERS = 1_000_000;
const MAX_MEMBERS = 8_000_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * Refuses, before anything is allocated for it, a body that would cost far more memory parsed than sent:
 * one that is nested deeply or consists of countless empty values. Knows only JSON's punctuation.
 */
export function scanJson(body: Uint8Array): Complaint | undefined {
  const { depth, containers, members } = countPunctuation(body);
  if (depth > MAX_DEPTH) return complaint(`it is nested deeper than ${MAX_DEPTH} levels`);
  if (containers > MAX_CONTAINERS) return complaint(`it has more than ${MAX_CONTAINERS} objects and arrays`);
  if (members > MAX_MEMBERS) return complaint(`it has more than ${MAX_MEMBERS} values`);
  return undefined;
}

function complaint(what: string): Complaint {
  return { pointer: '', detail: `The body is not a webhook of Alertmanager or Grafana: ${what}.` };
}

function countPunctuation(body: Uint8Array): { depth: number; containers: number; members: number } {
  let level = 0;
  let depth = 0;
  let containers = 0;
  let members = 0;
  for (let i = 0; i < body.length; i++) {
    switch (body[i]) {
      case QUOTE:
        i = endOfString(body, i);
        break;
      case COMMA:
        members++;
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        containers++;
        if (++level > depth) depth = level;
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        level--;
        break;
      default:
    }
  }
  return { depth, containers, members };
}

/** The index of the quote that ends the string which begins at `start`. */
function endOfString(body: Uint8Array, start: number): number {
  let i = start + 1;
  for (; i < body.length && body[i] !== QUOTE; i++) if (body[i] === BACKSLASH) i++;
  return i;
}
