import type { EpochMs } from '../../../domain/clock.ts';

/**
 * Events are stored in segments, one row for all events of a delivery: a row for each would have more overhead than
 * content. A segment is text. Its first line is the part common to its events, every other line is an event, its fields
 * separated by tabs; in JSON both separators only occur escaped.
 */
export interface Segment {
  /** Offsets of its first and last event. */
  readonly first: number;
  readonly last: number;
  /** When its events happened. */
  readonly time: EpochMs;
  /** Of all events except those of alerts. */
  readonly subject: string | null;
  readonly lines: string;
}

/** The texts of an alert, as JSON. */
export interface AlertTexts {
  readonly labels: string;
  readonly annotations: string;
  readonly generatorUrl: string;
}

/** Additional fields of an alert's event. */
export interface AlertEventFields extends AlertTexts {
  readonly fingerprint: string;
  /** The id of its episode. */
  readonly episode: number;
  /** Offset of the previous event of its episode: 0 for the first; in a large delivery still being written, -count. */
  readonly previous: number;
  /** Members shared by all events of its delivery: JSON without the braces. */
  readonly common: string;
}

/** An event to be stored. */
export interface StoredEvent {
  readonly type: string;
  /** Of all events except those of alerts. */
  readonly subject?: string | undefined;
  readonly time: EpochMs;
  /** JSON; for an alert's event, the members that are its own and not in `alert`. */
  readonly data: string;
  readonly alert?: AlertEventFields;
}

interface DecodedAlertFields extends AlertTexts {
  readonly previous: number;
  readonly episode: number;
  readonly fingerprint: string;
}

/** Events per segment; few enough that finding one of them is cheap. */
const MAX_LINES = 64;

/** @param at the event's own offset, or its -count */
export function encodeEventLine(type: number, { data, alert }: StoredEvent, at: number): string {
  if (alert === undefined) return `${type}\t${data}`;
  const { previous, episode, fingerprint, labels, annotations, generatorUrl } = alert;
  // within a large delivery offsets are not known yet, but the distance between events is
  const place = previous < 0 ? at - previous : previous;
  const url = JSON.stringify(generatorUrl);
  return `${type}\t${data}\t${place}\t${episode}\t${fingerprint}\t${url}\t${labels}\t${annotations}`;
}

/** A segment's events. Damage is only noticed when an event's data or its alert is parsed. */
export class SegmentLines {
  readonly segment: Segment;
  readonly #common: string;
  readonly #lines: readonly string[];

  constructor(segment: Segment) {
    const text = typeof segment.lines === 'string' ? segment.lines : '';
    const [common = '', ...lines] = text.split('\n');
    this.segment = hasSoundEnd(segment)
      ? segment
      : { ...segment, last: segment.first + Math.max(lines.length, 1) - 1 };
    this.#common = common;
    this.#lines = lines;
  }

  /** The number of the event's type. */
  type(offset: number): number {
    return Number.parseInt(this.#line(offset), 10);
  }

  /** @param type the name of the event's type */
  data(offset: number, type: string): string {
    const [, data = '', , episode = '', fingerprint = '', url = '', labels = '', annotations] =
      this.#line(offset).split('\t');
    if (annotations === undefined) return data;
    const transition = type.slice(type.lastIndexOf('.') + 1);
    const identity = `"transition":"${transition}","episode":"${episode}","fingerprint":"${fingerprint}"`;
    const texts = `"generator_url":${url},"labels":${labels},"annotations":${annotations}`;
    return `{${identity},${data.slice(1, -1)},${this.#common},${texts}}`;
  }

  /** Undefined if it is not an alert's event. @throws Error if it is unreadable */
  alert(offset: number): DecodedAlertFields | undefined {
    return decodeAlertLine(this.#line(offset), offset);
  }

  /** The fingerprint, for an alert's event. */
  subject(offset: number): string | null {
    return this.segment.subject ?? this.#line(offset).split('\t')[4] ?? null;
  }

  #line(offset: number): string {
    return this.#lines[offset - this.segment.first] ?? '';
  }
}

function hasSoundEnd({ first, last }: Segment): boolean {
  return Number.isSafeInteger(last) && last >= first && last - first < MAX_LINES;
}

/** @throws Error if it is unreadable */
export function decodeAlertLine(line: string, offset: number): DecodedAlertFields | undefined {
  const [, , previous, episode = '', fingerprint = '', url = '', labels = '', annotations] = line.split('\t');
  if (line !== '' && previous === undefined) return undefined;
  if (annotations === undefined) throw new Error(`event ${offset} is truncated`);
  const place = Number(previous);
  if (!Number.isSafeInteger(place)) throw new Error(`event ${offset} does not name the event before it`);
  return {
    previous: place < 0 ? offset + place : place,
    episode: Number(episode),
    fingerprint,
    generatorUrl: textOf(JSON.parse(url)),
    labels,
    annotations,
  };
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new Error(`expected a string, not ${JSON.stringify(value)}`);
  return value;
}

/** The texts of an episode's last event, as stored with the episode when retention removes that event. */
export function encodeTexts({ labels, annotations, generatorUrl }: AlertTexts): string {
  return JSON.stringify([generatorUrl, labels, annotations]);
}

/** @throws Error if it is unreadable */
export function decodeTexts(text: string): AlertTexts {
  const [generatorUrl, labels, annotations] = JSON.parse(text) as readonly unknown[];
  return {
    generatorUrl: textOf(generatorUrl),
    labels: textOf(labels),
    annotations: textOf(annotations),
  };
}

export interface NewSegment extends Segment {
  readonly types: Iterable<number>;
}

interface OpenSegment {
  readonly first: number;
  readonly time: EpochMs;
  readonly subject: string | undefined;
  readonly common: string;
  readonly lines: string[];
  readonly types: number[];
}

/** Collects events until the segment is full or the next event belongs to another one. */
export class SegmentBuffer {
  readonly #write: (segment: NewSegment) => void;
  #open: OpenSegment | undefined;

  /** @param write called with each complete segment */
  constructor(write: (segment: NewSegment) => void) {
    this.#write = write;
  }

  /** @param place counted by `first` and `last`: an offset, or the event's number within a large delivery */
  add(place: number, type: number, line: string, event: StoredEvent): void {
    if (this.#open !== undefined && !accepts(this.#open, event)) this.flush();
    this.#open ??= {
      first: place,
      time: event.time,
      subject: event.subject,
      common: event.alert?.common ?? '',
      lines: [],
      types: [],
    };
    this.#open.lines.push(line);
    this.#open.types.push(type);
  }

  /** The line of an event that is not in a segment yet. */
  line(place: number): string | undefined {
    return this.#open?.lines[place - this.#open.first];
  }

  /** Writes the collected events. Only within a transaction. */
  flush(): void {
    if (this.#open === undefined) return;
    const { first, time, subject = null, common, lines, types } = this.#open;
    this.#open = undefined;
    const last = first + lines.length - 1;
    const text = `${common}\n${lines.join('\n')}`;
    this.#write({ first, last, time, subject, lines: text, types: new Set(types) });
  }

  savepoint(): () => void {
    const open = this.#open;
    const count = open?.lines.length ?? 0;
    return () => {
      // it may have been sealed since, which was rolled back with the rest
      this.#open = open;
      if (open !== undefined) open.lines.length = open.types.length = count;
    };
  }
}

function accepts({ time, subject, common, lines }: OpenSegment, event: StoredEvent): boolean {
  if (event.alert === undefined || subject !== undefined) return false;
  return time === event.time && common === event.alert.common && lines.length < MAX_LINES;
}
