import type { RE2JS } from 're2js';
import { fail } from '../net/failure.ts';
import type { Answer } from './message.ts';
import { rcodeText } from './names.ts';
import type { DnsSettings, RecordRules } from './settings.ts';

/** The texts of an answer's records. */
export interface RecordTexts {
  readonly answers: readonly string[];
  readonly authorities: readonly string[];
  readonly additionals: readonly string[];
}

/** @throws ProbeFailure when the answer does not meet the settings */
export function judgeAnswer({ rcode }: Answer, texts: RecordTexts, settings: DnsSettings): void {
  if (!settings.validRcodes.has(rcode)) {
    const valid = [...settings.validRcodes].map(rcodeText).join(', ');
    throw fail('status', `The server answered ${rcodeText(rcode)}; valid_rcodes: ${valid}`);
  }
  judgeSection('answer', texts.answers, settings.answers);
  judgeSection('authority', texts.authorities, settings.authorities);
  judgeSection('additional', texts.additionals, settings.additionals);
}

/**
 * blackbox_exporter's rules. There, `fail_if_all_match_regexp` does the opposite of its name: the probe fails when a
 * record does not match one of its expressions. Files that work there must work here, so this does the same.
 */
function judgeSection(section: string, records: readonly string[], rules: RecordRules): void {
  const reject = (what: string): never => {
    throw fail('content', `${what} (validate_${section}_rrs)`);
  };
  if (records.length === 0 && rules.failIfNotMatches.length + rules.failIfNoneMatches.length > 0)
    reject(`There is no ${section} record, and one must match`);
  for (const record of records) {
    const forbidden = rules.failIfMatches.find((expression) => expression.test(record));
    if (forbidden !== undefined) reject(`A record matches ${quoted(forbidden)}: ${truncated(record)}`);
    const wanted = rules.failIfNotMatches.find((expression) => !expression.test(record));
    if (wanted !== undefined) reject(`A record does not match ${quoted(wanted)}: ${truncated(record)}`);
  }
  const odd = records.find((record) => rules.failIfAllMatch.some((expression) => !expression.test(record)));
  if (odd !== undefined) reject(`A record does not match fail_if_all_match_regexp: ${truncated(odd)}`);
  const any = records.some((record) => rules.failIfNoneMatches.some((expression) => expression.test(record)));
  if (rules.failIfNoneMatches.length > 0 && !any)
    reject('No record matches any of fail_if_none_matches_regexp');
}

function quoted(expression: RE2JS): string {
  return `"${expression.pattern()}"`;
}

const MAX_SHOWN = 200;

function truncated(record: string): string {
  const text = record.replaceAll('\t', ' ');
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
