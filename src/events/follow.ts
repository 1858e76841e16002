import type { Clock } from '../domain/clock.ts';
import { parseEventId, type CloudEvent } from '../domain/event.ts';
import { pause } from '../domain/cancellation.ts';
import { LedgerUnavailableError, type EventPage, type EventQuery } from '../ledger/ledger.ts';
import type { EventBus } from './event-bus.ts';

/** A follower's next step. `at` is the id up to which it has then seen everything. */
export type FollowStep =
  | { readonly kind: 'events'; readonly events: readonly CloudEvent[]; readonly at: string }
  /** Some events after `after` are gone; the follower continues with the oldest that is kept. */
  | { readonly kind: 'gap'; readonly after: string; readonly oldest?: string; readonly at: string };

export interface FollowOptions extends Pick<EventQuery, 'type' | 'subject' | 'limit' | 'maxBytes'> {
  readonly bus: EventBus;
  readonly clock: Clock;
  readonly after: string;
  readonly signal: AbortSignal;
}

const RETRY_MS = 1_000;

/**
 * Reads the ledger from an id on, page by page, until the signal: first the stored events, then new ones as they
 * arrive. The next page is read only when it is asked for. A step without events means that the filter matched none.
 */
export async function* follow(options: FollowOptions): AsyncGenerator<FollowStep, undefined> {
  const { bus, signal, limit, maxBytes, type, subject } = options;
  const size = { limit, ...(maxBytes !== undefined && { maxBytes }) };
  const filter = { ...size, ...(type !== undefined && { type }), ...(subject !== undefined && { subject }) };
  let at = options.after;
  while (!signal.aborted) {
    const page = await readWithRetries(options, { ...filter, after: at });
    if (page === undefined) return;
    const step = 'gone' in page ? gapStep(at, page.oldest ?? bus.head, page.oldest) : eventsStep(page, at);
    const full = step.kind === 'gap' || step.events.length === limit;
    if (step.kind === 'gap' || step.at !== at) yield step;
    at = step.at;
    // a page cut by its byte limit is not full, but has more events after it
    if (!full) await bus.waitAfter(at, signal);
  }
}

/** Retries while the ledger cannot be read; undefined if the signal ended that. */
async function readWithRetries(
  { bus, clock, signal }: FollowOptions,
  query: EventQuery,
): Promise<EventPage | undefined> {
  while (!signal.aborted) {
    try {
      return await bus.read(query);
    } catch (error) {
      if (!(error instanceof LedgerUnavailableError)) throw error;
      await pause(clock, RETRY_MS, signal);
    }
  }
  return undefined;
}

function eventsStep(
  page: Exclude<EventPage, { gone: true }>,
  at: string,
): Extract<FollowStep, { kind: 'events' }> {
  return { kind: 'events', events: page.events, at: page.nextAfter ?? at };
}

/** After a gap everything from the oldest kept event on is there: continue as if its predecessor had been seen. */
function gapStep(
  after: string,
  next: string,
  oldest: string | undefined,
): Extract<FollowStep, { kind: 'gap' }> {
  const { epoch, offset } = parseEventId(next) ?? { epoch: '', offset: 0 };
  if (oldest === undefined) return { kind: 'gap', after, at: next };
  return { kind: 'gap', after, oldest, at: `${epoch}-${offset - 1}` };
}
