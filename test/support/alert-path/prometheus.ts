/** A time during which the condition of the rule holds, seconds. */
export interface Life {
  readonly from: number;
  readonly to: number;
}

/** An alert as Prometheus posts it; seconds of its own clock. */
export interface PostedAlert {
  readonly startsAt: number;
  readonly endsAt: number;
}

const RESEND_SECONDS = 60;
const KEEP_RESOLVED_SECONDS = 900;

interface RuleAlert {
  readonly firedAt: number;
  resolvedAt: number | undefined;
  lastSentAt: number;
}

export interface PrometheusOptions {
  /** When the condition holds for this replica: each scrapes separately. */
  readonly lives: readonly Life[];
  readonly evaluationSeconds: number;
  /** When it evaluates: replicas do so at different times. */
  readonly phase: number;
}

/** One replica: evaluates its rule, and posts to its Alertmanagers as rules/alerting.go and its notifier do. */
export class Prometheus {
  readonly #options: PrometheusOptions;
  #alert: RuleAlert | undefined;
  /** How far its clock is ahead, seconds. */
  clockError = 0;

  constructor(options: PrometheusOptions) {
    this.#options = options;
  }

  /** Whether its rule fires. */
  get fires(): boolean {
    return this.#alert !== undefined && this.#alert.resolvedAt === undefined;
  }

  /** It forgets when its alert started to fire, and what is resolved. */
  restart(): void {
    this.#alert = undefined;
  }

  /** @returns what it posts at that second */
  evaluate(second: number): PostedAlert | undefined {
    const { lives, evaluationSeconds, phase } = this.#options;
    if ((second - phase) % evaluationSeconds !== 0) return undefined;
    const now = second + this.clockError;
    const holds = lives.some(({ from, to }) => from <= second && second < to);
    if (holds && !this.fires) this.#alert = { firedAt: now, resolvedAt: undefined, lastSentAt: -Infinity };
    const alert = this.#alert;
    if (alert === undefined) return undefined;
    if (!holds) alert.resolvedAt ??= now;
    const { firedAt, resolvedAt } = alert;
    if (resolvedAt !== undefined && now - resolvedAt > KEEP_RESOLVED_SECONDS) {
      this.#alert = undefined;
      return undefined;
    }
    const news = resolvedAt !== undefined && resolvedAt > alert.lastSentAt;
    if (!news && now - alert.lastSentAt < RESEND_SECONDS) return undefined;
    alert.lastSentAt = now;
    const validFor = 4 * Math.max(evaluationSeconds, RESEND_SECONDS);
    return { startsAt: firedAt, endsAt: resolvedAt ?? now + validFor };
  }
}
