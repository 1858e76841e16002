import { describe, expect, it } from '@jest/globals';
import type { CancelSignal } from '../../../src/domain/cancellation.ts';
import { SharedRuns } from '../../../src/probes/endpoint/shared-runs.ts';

/** A run that ends on request. */
function openRun() {
  const signals: CancelSignal[] = [];
  let end: (value: string) => void = () => undefined;
  const start = (signal: CancelSignal): Promise<string> => {
    signals.push(signal);
    return new Promise((resolve) => {
      end = resolve;
    });
  };
  return { start, signals, end: (value: string) => end(value) };
}

describe('shared runs', () => {
  it('are one for all requests at the same time, and another for later ones', async () => {
    const shared = new SharedRuns<string>();
    const run = openRun();
    const stay = new AbortController().signal;
    const waiting = [shared.join('a', stay, run.start), shared.join('a', stay, run.start)];
    expect([shared.size, run.signals.length, shared.has('a'), shared.has('b')]).toEqual([1, 1, true, false]);
    run.end('done');
    expect(await Promise.all(waiting)).toEqual(['done', 'done']);
    expect(shared.size).toBe(0);
    void shared.join('a', stay, run.start);
    expect(run.signals).toHaveLength(2);
  });

  it('are cancelled when the last client disconnects, and not before', async () => {
    const shared = new SharedRuns<string>();
    const run = openRun();
    const clients = [new AbortController(), new AbortController()];
    const waiting = clients.map(({ signal }) => shared.join('a', signal, run.start));
    clients[0]?.abort();
    expect(run.signals[0]?.aborted).toBe(false);
    clients[1]?.abort();
    expect(run.signals[0]?.aborted).toBe(true);
    const late = openRun();
    const next = shared.join('a', new AbortController().signal, late.start);
    expect(late.signals[0]?.aborted).toBe(false);
    run.end('cancelled');
    await Promise.all(waiting);
    // the end of the cancelled run does not remove the new one
    expect(shared.has('a')).toBe(true);
    late.end('fresh');
    expect(await next).toBe('fresh');
  });

  it('are cancelled at once for a client that has already disconnected', () => {
    const shared = new SharedRuns<string>();
    const run = openRun();
    void shared.join('a', AbortSignal.abort(), run.start);
    expect([run.signals[0]?.aborted, shared.size]).toEqual([true, 0]);
  });
});
