import type { Steps } from './deliveries.ts';
import { TOKEN } from './world.ts';

interface LedgerEvent {
  readonly type: string;
  readonly subject?: string;
  readonly time: string;
  readonly data: { readonly labels?: Readonly<Record<string, string>>; readonly previous_state?: string };
}

/** What the ledger holds about the run. */
export interface LedgerAccount {
  /** Alerts of deliveries answered with 200 whose start or end is missing. */
  readonly lost: readonly string[];
  /** Alerts that it has twice. */
  readonly twice: readonly string[];
  readonly alertEvents: number;
  readonly reloads: number;
  /** Checks of these services that were reported as anything but healthy, by state. */
  readonly wrong: Readonly<Record<string, readonly string[]>>;
}

/**
 * Reads the whole ledger through the API.
 * @param expected what must be in it for each alert, by instance
 * @param mayFail whether a service really failed
 */
export async function readLedger(
  url: string,
  { expected, since, mayFail }: AccountOptions,
): Promise<LedgerAccount> {
  const seen = new Map<string, { fired: number; resolved: number }>();
  const wrong: Record<string, string[]> = {};
  let [alertEvents, reloads] = [0, 0];
  for await (const { type, subject = '', time, data } of allEvents(url)) {
    const [, kind = '', what = ''] = type.split('.');
    if (kind === 'alert') {
      alertEvents += 1;
      const instance = data.labels?.['instance'] ?? '';
      const steps = seen.get(instance) ?? { fired: 0, resolved: 0 };
      seen.set(instance, steps);
      if (what === 'fired') steps.fired += 1;
      else steps.resolved += 1;
    } else if (kind === 'config') reloads += 1;
    else if (kind === 'check' && Date.parse(time) >= since && what !== 'healthy' && !mayFail(subject)) {
      (wrong[what] ??= []).push(subject);
    }
  }
  const all = [...expected];
  const differs = (sign: 1 | -1) =>
    all
      .filter(([instance, { fired, resolved }]) => {
        const steps = seen.get(instance) ?? { fired: 0, resolved: 0 };
        return sign * (steps.fired - fired) > 0 || sign * (steps.resolved - resolved) > 0;
      })
      .map(([instance]) => instance);
  return { lost: differs(-1), twice: differs(1), alertEvents, reloads, wrong };
}

interface AccountOptions {
  readonly expected: ReadonlyMap<string, Steps>;
  /** For checks, only events from then on. */
  readonly since: number;
  readonly mayFail: (service: string) => boolean;
}

async function* allEvents(url: string): AsyncGenerator<LedgerEvent> {
  for (let after = ''; ;) {
    const answer = await fetch(`${url}/api/v1/events?limit=10000${after}`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    if (answer.status !== 200) throw new Error(`the events were answered with ${answer.status}`);
    const { events, next_after } = (await answer.json()) as {
      events: LedgerEvent[];
      next_after: string;
    };
    yield* events;
    if (events.length === 0) return;
    after = `&after=${next_after}`;
  }
}
