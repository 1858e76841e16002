import type { RE2JS } from 're2js';
import { z } from 'zod';
import type { IpPreference } from '../net/ip-settings.ts';
import { ipPreference, ipSettings, sourceAddress } from '../net/ip-settings.ts';
import { defaultTls, tlsSettings } from '../net/tls-settings.ts';
import type { TlsClient } from '../net/tls.ts';
import type { ConfigFiles } from '../settings.ts';
import { regexp, unlessEmpty } from '../settings.ts';
import { nameLabels } from './escapes.ts';
import { classNumber, rcodeNumber, typeNumber } from './names.ts';

/** What the records of a section must and must not look like. */
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
  /** Absent when the target says it. */
  readonly queryName: string | undefined;
  readonly queryType: number;
  readonly queryClass: number;
  readonly recursionDesired: boolean;
  readonly validRcodes: ReadonlySet<number>;
  readonly answers: RecordRules;
  readonly authorities: RecordRules;
  readonly additionals: RecordRules;
}

const rules = z
  .strictObject({
    fail_if_matches_regexp: z.array(regexp).default([]),
    fail_if_all_match_regexp: z.array(regexp).default([]),
    fail_if_not_matches_regexp: z.array(regexp).default([]),
    fail_if_none_matches_regexp: z.array(regexp).default([]),
  })
  .prefault({})
  .transform((given): RecordRules => ({
    failIfMatches: given.fail_if_matches_regexp,
    failIfAllMatch: given.fail_if_all_match_regexp,
    failIfNotMatches: given.fail_if_not_matches_regexp,
    failIfNoneMatches: given.fail_if_none_matches_regexp,
  }));

/** blackbox_exporter's keys; what it finds out when it probes is an error here at once. */
export function dnsSettings(files: ConfigFiles): z.ZodType<DnsSettings> {
  return z
    .strictObject({
      ...ipSettings,
      source_ip_address: sourceAddress,
      transport_protocol: unlessEmpty(z.enum(['udp', 'tcp'])),
      dns_over_tls: z.boolean().default(false),
      tls_config: tlsSettings(files).optional(),
      query_name: z
        .string()
        .refine((name) => nameLabels(name) !== undefined, {
          error: 'expected a domain name, such as example.org',
        })
        .optional(),
      query_type: known('type of DNS records, such as A, AAAA or SOA', typeNumber).prefault('ANY'),
      query_class: known('DNS class, such as IN or CH', classNumber).prefault('IN'),
      recursion_desired: z.boolean().default(true),
      valid_rcodes: z
        .array(known('DNS response code, such as NOERROR or NXDOMAIN', rcodeNumber))
        .min(1, { error: 'expected at least one response code: without any, no answer is valid' })
        .prefault(['NOERROR']),
      validate_answer_rrs: rules,
      validate_authority_rrs: rules,
      validate_additional_rrs: rules,
    })
    .refine((given) => !given.dns_over_tls || given.transport_protocol !== 'udp', {
      error: 'DNS over TLS goes over tcp; leave transport_protocol out, or say tcp',
      path: ['transport_protocol'],
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

/** A name of one of the DNS registries, as its number. */
function known(what: string, numberOf: (name: string) => number | undefined) {
  return z.string().transform((text, context) => {
    const number = numberOf(text);
    if (number !== undefined) return number;
    const upper = text.toUpperCase();
    const hint = numberOf(upper) === undefined ? '' : `; did you mean ${upper}?`;
    context.addIssue({ code: 'custom', message: `"${text}" is no ${what}${hint}` });
    return z.NEVER;
  });
}
