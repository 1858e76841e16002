import type { Alert } from './alert.ts';
import type { ParseProblem } from './delivery.ts';
import { parseInstant, type Instant } from '../domain/instant.ts';
import { fingerprint, type LabelSet } from '../domain/labels.ts';

/** Limit for the labels, and for the annotations, of one alert; real alerts have dozens. */
export const MAX_LABELS = 1_000;

/** `hostile` if no sender could have written it by mistake. */
interface Refusal extends ParseProblem {
  readonly ok: false;
  readonly hostile: boolean;
}

export type ParsedAlert = { readonly ok: true; readonly alert: Alert } | Refusal;

type JsonObject = Readonly<Record<string, unknown>>;

/** The limit of a signed 64-bit count of nanoseconds: 1677-09-21 to 2262-04-11. */
const MAX_NS = 2n ** 63n - 1n;
const MIN_NS = -(2n ** 63n);
/** The end of nearly every firing alert. */
const GO_ZERO_TIME = '0001-01-01T00:00:00Z';
const FINGERPRINT = /^[0-9a-f]{16}$/;
const RESERVED = ['__proto__', 'constructor', 'prototype'] as const;

/**
 * Reads one alert of a payload.
 * @param value the parsed JSON
 * @param pointer its place in the body
 */
export function parseAlert(value: unknown, pointer: string): ParsedAlert {
  if (!isObject(value)) return refusal(pointer, value, 'an alert (an object)');
  const reserved = reservedName(value, pointer);
  if (reserved !== undefined) return { ok: false, hostile: true, ...reserved };
  const { status } = value;
  if (status !== 'firing' && status !== 'resolved') {
    return refusal(`${pointer}/status`, status, '"firing" or "resolved"');
  }
  const labels = readMap(value, 'labels', pointer);
  if (isRefusal(labels)) return labels;
  const annotations = readMap(value, 'annotations', pointer);
  if (isRefusal(annotations)) return annotations;
  const startsAt = readStart(value['startsAt'], `${pointer}/startsAt`);
  if (isRefusal(startsAt)) return startsAt;
  const endsAt = readEnd(value['endsAt'], `${pointer}/endsAt`);
  if (isRefusal(endsAt)) return endsAt;
  const { generatorURL } = value;
  return {
    ok: true,
    alert: {
      status,
      labels,
      annotations,
      startsAt,
      ...(endsAt === undefined ? {} : { endsAt }),
      generatorUrl: typeof generatorURL === 'string' ? generatorURL : '',
      ...readValues(value['values']),
      fingerprint: readFingerprint(value['fingerprint'], labels),
    },
  };
}

/** A complaint about a name that has a meaning for JavaScript objects, if `value` contains one. */
export function reservedName(value: unknown, pointer = ''): ParseProblem | undefined {
  if (!isObject(value)) return undefined;
  const name = RESERVED.find((reserved) => Object.hasOwn(value, reserved));
  if (name === undefined) return undefined;
  return { pointer: `${pointer}/${name}`, detail: `The name "${name}" is reserved.` };
}

/** Null and absent maps are empty. The parsed object is used without a copy: its names were checked. */
function readMap(alert: JsonObject, key: 'labels' | 'annotations', parent: string): LabelSet | Refusal {
  const map = alert[key];
  const pointer = `${parent}/${key}`;
  if (map === undefined || map === null) return {};
  if (!isObject(map)) return refusal(pointer, map, 'an object with string values');
  const names = Object.keys(map);
  if (names.length > MAX_LABELS) {
    const detail = `${names.length} ${key} were given; expected at most ${MAX_LABELS}.`;
    return { ok: false, hostile: true, pointer, detail };
  }
  const reserved = reservedName(map, pointer);
  if (reserved !== undefined) return { ok: false, hostile: true, ...reserved };
  const wrong = names.find((name) => typeof map[name] !== 'string');
  if (wrong !== undefined) return refusal(`${pointer}/${escapePointer(wrong)}`, map[wrong], 'a string');
  return map as LabelSet;
}

function readStart(value: unknown, pointer: string): Instant | Refusal {
  const expected = 'the time at which it started, such as 2026-01-31T12:00:00.123Z';
  const instant = typeof value === 'string' ? parseInstant(value) : undefined;
  if (instant === undefined || instant.ns < MIN_NS || instant.ns > MAX_NS) {
    return refusal(pointer, value, expected);
  }
  return instant;
}

/** Year 1 is Go's zero time: the alert has no end. Ends beyond what can be stored are clamped. */
function readEnd(value: unknown, pointer: string): Instant | undefined | Refusal {
  if (value === undefined || value === null || value === '' || value === GO_ZERO_TIME) return undefined;
  const instant = typeof value === 'string' ? parseInstant(value) : undefined;
  if (instant === undefined) return refusal(pointer, value, 'a time such as 2026-01-31T12:00:00.123Z');
  if (instant.ns < MIN_NS) return undefined;
  return instant.ns > MAX_NS ? { ...instant, ns: MAX_NS } : instant;
}

/**
 * Values only describe the alert, so a non-number is dropped; a hostile name becomes an own property like any other.
 */
function readValues(value: unknown): Pick<Alert, 'values'> {
  if (!isObject(value)) return {};
  const numbers = Object.entries(value).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number',
  );
  return numbers.length === 0 ? {} : { values: Object.fromEntries(numbers.slice(0, MAX_LABELS)) };
}

/** Prefers the sender's fingerprint, since Grafana's cannot be recomputed; computed here if it is absent or invalid. */
function readFingerprint(value: unknown, labels: LabelSet): string {
  if (typeof value !== 'string') return fingerprint(labels);
  const lower = value.toLowerCase();
  return FINGERPRINT.test(lower) ? lower : fingerprint(labels);
}

function refusal(pointer: string, value: unknown, expected: string): Refusal {
  return {
    ok: false,
    hostile: false,
    pointer,
    detail: `${describe(value)} was given; expected ${expected}.`,
  };
}

function describe(value: unknown): string {
  if (value === undefined) return 'Nothing';
  if (Array.isArray(value)) return 'An array';
  if (typeof value === 'object') return value === null ? 'null' : 'An object';
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isRefusal(value: object | undefined): value is Refusal {
  return value !== undefined && 'ok' in value && value.ok === false;
}

/** RFC 6901, section 3. */
function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
