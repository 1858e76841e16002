import type { PostedAlert } from './prometheus.ts';

/** What an Alertmanager reports about the alert in a delivery, seconds. */
export interface Notice {
  readonly firing: boolean;
  readonly startsAt: number;
  readonly endsAt: number | undefined;
  /** When it read its alerts; a delivery does not contain this. */
  readonly takenAt: number;
}

interface StoredAlert extends PostedAlert {
  readonly updatedAt: number;
}

/** An entry of the notification log: what was sent last. */
export interface Sent {
  readonly firing: boolean;
  readonly at: number;
}

export interface MemberOptions {
  readonly position: number;
  readonly groupWait: number;
  readonly groupInterval: number;
  readonly peerTimeout: number;
  readonly repeatInterval: number;
}

interface Attempt {
  readonly notice: Notice;
  /** Once admitted it is sent until it is accepted, whatever others have sent in the meantime. */
  admitted: boolean;
  next: number;
  readonly until: number;
}

const RETRY_SECONDS = 5;

/**
 * A member of an Alertmanager cluster with one alert and one route: merges what Prometheus posts as provider/mem does,
 * flushes its group as the dispatcher does, skips what the log has as sent, and retries refused notifications until
 * their time is over.
 */
export class Member {
  readonly #options: MemberOptions;
  #alert: StoredAlert | undefined;
  #nextFlush: number | undefined;
  #attempt: Attempt | undefined;
  alive = true;
  /** Its notification log: what it sent itself, or what its peers sent after that and it learnt by gossip. */
  sent: Sent | undefined;

  constructor(options: MemberOptions) {
    this.#options = options;
  }

  /** It loses its alerts; its groups are created when Prometheus posts again. */
  restart(): void {
    this.#alert = undefined;
    this.#nextFlush = undefined;
    this.#attempt = undefined;
  }

  /** Whether it has the alert as active. */
  fires(now: number): boolean {
    return this.#alert !== undefined && this.#alert.endsAt > now;
  }

  post(posted: PostedAlert, now: number): void {
    if (posted.endsAt < posted.startsAt) return;
    this.#alert = merge(this.#alert, { ...posted, updatedAt: now });
    const { groupWait } = this.#options;
    this.#nextFlush ??= now - posted.startsAt > groupWait ? now : now + groupWait;
  }

  /** @param silenced whether its notifications are muted */
  flush(now: number, silenced: boolean): void {
    if (this.#nextFlush === undefined || now < this.#nextFlush || this.#attempt !== undefined) return;
    const { groupInterval, position, peerTimeout } = this.#options;
    this.#nextFlush = now + groupInterval;
    const alert = this.#alert;
    if (alert === undefined) {
      this.#nextFlush = undefined;
      return;
    }
    const firing = alert.endsAt > now;
    if (silenced) {
      if (!firing) this.#forget(now);
      return;
    }
    const endsAt = firing ? undefined : alert.endsAt;
    const notice = { firing, startsAt: alert.startsAt, endsAt, takenAt: now };
    const wait = position * peerTimeout;
    this.#attempt = {
      notice,
      admitted: false,
      next: now + wait,
      until: now + Math.max(groupInterval, 10) + wait,
    };
  }

  /** @returns what it posts at that second; the caller reports the outcome with `answer` */
  send(now: number): Notice | undefined {
    const attempt = this.#attempt;
    if (attempt === undefined || now < attempt.next) return undefined;
    attempt.admitted ||= this.#isNews(attempt, now);
    if (!attempt.admitted) {
      this.#end(attempt, now);
      return undefined;
    }
    return attempt.notice;
  }

  answer(now: number, accepted: boolean): void {
    const attempt = this.#attempt;
    if (attempt === undefined) return;
    if (accepted) {
      // members act one after the other within a second
      this.sent = { firing: attempt.notice.firing, at: now + this.#options.position / 1_000 };
      this.#end(attempt, now);
      return;
    }
    attempt.next = now + RETRY_SECONDS;
    if (attempt.next > attempt.until) this.#attempt = undefined;
  }

  #end({ notice }: Attempt, now: number): void {
    this.#attempt = undefined;
    if (!notice.firing) this.#forget(now);
  }

  #isNews({ notice }: Attempt, now: number): boolean {
    const { sent } = this;
    if (sent === undefined) return notice.firing;
    if (sent.firing !== notice.firing) return true;
    return notice.firing && now - sent.at > this.#options.repeatInterval;
  }

  #forget(now: number): void {
    if (this.#alert !== undefined && this.#alert.endsAt <= now) this.#alert = undefined;
  }
}

/** types.Alert.Merge, where the activity of both overlaps (provider/mem). */
function merge(old: StoredAlert | undefined, posted: StoredAlert): StoredAlert {
  if (old === undefined) return posted;
  const overlaps =
    (posted.endsAt > old.startsAt && posted.endsAt < old.endsAt) ||
    (posted.startsAt > old.startsAt && posted.startsAt < old.endsAt);
  if (!overlaps) return posted;
  const now = posted.updatedAt;
  const startsAt = Math.min(old.startsAt, posted.startsAt);
  const resolved = posted.endsAt <= now;
  const keepsEnd = old.endsAt > posted.endsAt && (!resolved || old.endsAt <= now);
  return { startsAt, endsAt: keepsEnd ? old.endsAt : posted.endsAt, updatedAt: now };
}
