import type { RE2JS } from 're2js';
import { z } from 'zod';
import type { IpPreference } from '../net/ip-settings.ts';
import { ipPreference, ipSettings, sourceAddress } from '../net/ip-settings.ts';
import { defaultTls, tlsSettings } from '../net/tls/settings.ts';
import type { TlsClient } from '../net/tls/client.ts';
import type { ConfigFiles } from '../../settings/values.ts';
import { CANNOT_WORK, lateRegexp, unlessEmpty } from '../../settings/values.ts';
import { nameLabels } from './escapes.ts';
import { classNumber, rcodeNumber, typeNumber } from './names.ts';

/** What the records of a section must and must not match. */
export interface RecordRules {
  readonly failIfMatches: readonly RE2JS[];
  readonly failIfAllMatch: readonly RE2JS[];
  readonly failIfNotMatches: readonly RE2JS[];
  readonly failIfNoneMatches: readonly RE2JS[];
}

export interface DnsSettings {
  readonly ip: IpPreference;
  readonly sourceAddress: string | undefined;
  readonly transport: 'udp' | 'tcp';
  /** Present with DNS over TLS. */
  readonly tls: TlsClient | undefined;
  /** Absent when the target names it. */
  readonly queryName: string | undefined;
  readonly queryType: number;
  readonly queryClass: number;
  readonly recursionDesired: boolean;
  readonly validRcodes: ReadonlySet<number>;
  readonly answers: RecordRules;
  readonly authorities: RecordRules;
  readonly additionals: RecordRules;
}

const expressions = (description: string) => z.array(lateRegexp).default([]).meta({ description });

const rules = z
  .strictObject({
    fail_if_matches_regexp: expressions('fail when a record matches one of these'),
    fail_if_all_match_regexp: expressions(
      'contrary to its name, as in blackbox_exporter: fail when a record does not match one of these',
    ),
    fail_if_not_matches_regexp: expressions(
      'fail when a record does not match one of these, or the section is empty',
    ),
    fail_if_none_matches_regexp: expressions(
      'fail when no record matches any of these, or the section is empty',
    ),
  })
  .prefault({})
  .transform((given): RecordRules => ({
    failIfMatches: given.fail_if_matches_regexp,
    failIfAllMatch: given.fail_if_all_match_regexp,
    failIfNotMatches: given.fail_if_not_matches_regexp,
    failIfNoneMatches: given.fail_if_none_matches_regexp,
  }));

const rulesFor = (section: string) =>
  rules.meta({ description: `rules about the records of the ${section} section, each as one line` });

/** The keys of the question. */
const questionKeys = {
  query_name: z
    .string()
    .min(1, { error: 'expected a domain name, such as example.org' })
    .refine((name) => nameLabels(name) !== undefined, {
      error: 'expected a domain name, such as example.org',
      params: CANNOT_WORK,
    })
    .optional()
    .meta({ description: 'the name to ask for, unless the target has one' }),
  query_type: known('DNS record type, such as A, AAAA or SOA', or('ANY', typeNumber))
    .prefault('ANY')
    .meta({ description: 'the type of records to ask for, such as `A`, `MX` or `SOA`' }),
  query_class: known('DNS class, such as IN or CH', or('IN', classNumber))
    .prefault('IN')
    .meta({ description: 'their class: `IN`, `CS`, `CH`, `HS`, `NONE` or `ANY`' }),
  recursion_desired: z
    .boolean()
    .default(true)
    .meta({ description: 'ask the server to find the answer at other servers' }),
};

/** The keys with requirements on the answer. */
const answerKeys = {
  valid_rcodes: z
    .array(known('DNS response code, such as NOERROR or NXDOMAIN', rcodeNumber, CANNOT_WORK))
    .refine((codes) => codes.length > 0, {
      error: 'expected at least one response code: without any, no answer is valid',
      params: CANNOT_WORK,
    })
    .prefault(['NOERROR'])
    .meta({ description: 'the response codes that are a success, such as `NXDOMAIN`' }),
  validate_answer_rrs: rulesFor('answer'),
  validate_authority_rrs: rulesFor('authority'),
  validate_additional_rrs: rulesFor('additional'),
};

/** blackbox_exporter's keys; what it reports only during a probe is an error at load here. */
export function dnsSettings(files: ConfigFiles): z.ZodType<DnsSettings> {
  return z
    .strictObject({
      ...ipSettings(files),
      source_ip_address: sourceAddress,
      transport_protocol: unlessEmpty(
        known('transport (udp or tcp)', (name) => TRANSPORTS.find((one) => one === name), CANNOT_WORK),
      ).meta({ description: '`udp`, the default, or `tcp`, which `dns_over_tls` always uses' }),
      dns_over_tls: z.boolean().default(false).meta({ description: 'ask over TLS (RFC 7858)' }),
      tls_config: tlsSettings(files, 'for `dns_over_tls`'),
      ...questionKeys,
      ...answerKeys,
    })
    .refine((given) => !given.dns_over_tls || given.transport_protocol !== 'udp', {
      error: 'DNS over TLS uses tcp; leave transport_protocol out, or set tcp',
      path: ['transport_protocol'],
      params: CANNOT_WORK,
    })
    .transform((given) => ({
      ip: ipPreference(given),
      sourceAddress: given.source_ip_address,
      transport: given.transport_protocol ?? (given.dns_over_tls ? 'tcp' : 'udp'),
      tls: given.dns_over_tls ? (given.tls_config ?? defaultTls()) : undefined,
      queryName: given.query_name,
      queryType: given.query_type,
      queryClass: given.query_class,
      recursionDesired: given.recursion_desired,
      validRcodes: new Set(given.valid_rcodes),
      answers: given.validate_answer_rrs,
      authorities: given.validate_authority_rrs,
      additionals: given.validate_additional_rrs,
    }));
}

const TRANSPORTS = ['udp', 'tcp'] as const;

/** A look-up in which an empty text means the default name. */
function or(otherwise: string, numberOf: (name: string) => number | undefined) {
  return (name: string) => numberOf(name === '' ? otherwise : name);
}

/** A name from a registry, as its value there. */
function known<T>(
  what: string,
  find: (name: string) => T | undefined,
  params: Readonly<Record<string, unknown>> = {},
) {
  return z.string().transform((text, context) => {
    const found = find(text);
    if (found !== undefined) return found;
    const other = [text.toUpperCase(), text.toLowerCase()].find((one) => find(one) !== undefined);
    const hint = other === undefined ? '' : `; did you mean ${other}?`;
    context.addIssue({ code: 'custom', message: `"${text}" is not a ${what}${hint}`, params });
    return z.NEVER;
  });
}
