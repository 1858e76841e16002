import type { Instant } from '../domain/instant.ts';

/** One alert of a delivery, after parsing. */
export interface Alert {
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: Instant;
  /** Absent while firing: Alertmanager then sends a time in year 1. */
  readonly endsAt?: Instant;
  readonly generatorUrl: string;
  /** Results of the rule's expressions; sent by Grafana only. */
  readonly values?: Readonly<Record<string, number>>;
  /** 16 hexadecimal digits; computed here when the sender omitted it. */
  readonly fingerprint: string;
}

export const SEVERITIES = ['critical', 'warning', 'info', 'none', 'other'] as const;
/** Severity folded to a closed set, for use as a label value. */
export type SeverityClass = (typeof SEVERITIES)[number];

/** Whether `next` is worse than `last`; an unknown severity ranks as low as none. */
export function severityRises(last: SeverityClass, next: SeverityClass): boolean {
  return SEVERITY_RANK[next] > SEVERITY_RANK[last];
}

const SEVERITY_RANK: Readonly<Record<SeverityClass, number>> = Object.freeze({
  critical: 3,
  warning: 2,
  info: 1,
  none: 0,
  other: 0,
});

/** Folds a sender's severity; an absent one is `none`. */
export function severityClass(severity: string | undefined): SeverityClass {
  switch (severity?.toLowerCase()) {
    case 'critical':
    case 'page':
    case 'error':
      return 'critical';
    case 'warning':
    case 'warn':
      return 'warning';
    case 'info':
    case 'information':
      return 'info';
    case undefined:
    case '':
    case 'none':
      return 'none';
    default:
      return 'other';
  }
}
