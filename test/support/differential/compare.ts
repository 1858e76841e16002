import { parseText } from '../exposition/exposition-parser.ts';
import type { Difference } from './differential.ts';

/** The answer of one exporter. */
export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Durations in seconds: no two are the same. */
const TIMING =
  /^probe_(?:duration_seconds|dns_lookup_time_seconds|(?:http|dns|icmp|grpc)_duration_seconds(?:\{.*)?)$/;
/** Exposed even if nothing was timed, or not exactly 0. */
const VAGUE = /^probe_(?:duration|dns_lookup_time)_seconds$/;

/** Series and types of families to values; timings are reduced to whether they are 0. */
function seriesOf(text: string): Map<string, string> {
  const series = new Map<string, string>();
  for (const [name, family] of parseText(text)) {
    series.set(`type of ${name}`, family.type);
    for (const sample of family.samples) {
      const labels = Object.keys(sample.labels)
        .sort()
        .map((label) => `${label}=${JSON.stringify(sample.labels[label])}`);
      const key = labels.length === 0 ? sample.name : `${sample.name}{${labels.join(',')}}`;
      series.set(key, TIMING.test(key) ? timing(key, sample.value) : String(sample.value));
    }
  }
  return series;
}

function timing(key: string, value: number): string {
  if (VAGUE.test(key)) return 'a time';
  return value === 0 ? 'no time' : 'some time';
}

/** Unintended differences, one line each; also series that should differ and do not. */
export function differences(theirs: Answer, ours: Answer, meant: Difference | undefined): string[] {
  const status = meant?.status ?? theirs.status;
  if (ours.status !== status)
    return [`HTTP status ${ours.status} (${ours.text.trim()}), blackbox_exporter ${theirs.status}`];
  if (theirs.status !== 200 || ours.status !== 200) return [];
  const [left, right] = [seriesOf(theirs.text), seriesOf(ours.text)];
  const failed = left.get('probe_success') === '0';
  const found: string[] = [];
  const unseen = new Set(meant?.series);
  for (const key of [...new Set([...left.keys(), ...right.keys()])].sort()) {
    if (left.get(key) === right.get(key) || (failed && isCutShort(left.get(key), right.get(key)))) continue;
    const covering = (meant?.series ?? []).find((series) => isOf(key, series));
    if (covering === undefined)
      found.push(`${key}: ${right.get(key) ?? 'absent'}, blackbox_exporter ${left.get(key) ?? 'absent'}`);
    else unseen.delete(covering);
  }
  return [...found, ...[...unseen].map((series) => `${series} is the same, but was meant to differ`)];
}

/** In a failed run, blackbox_exporter exposes 0 for a phase that started and did not end; Tocsin its time so far. */
function isCutShort(theirs: string | undefined, ours: string | undefined): boolean {
  return theirs === 'no time' && ours === 'some time';
}

/** Whether a difference covers a series, or the type of its family. */
function isOf(key: string, series: string): boolean {
  return key === series || key.replace(/^type of /, '').replace(/\{.*/, '') === series;
}
