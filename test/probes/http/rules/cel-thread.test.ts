import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Cancellation } from '../../../../src/domain/cancellation.ts';
import { celRule } from '../../../../src/probes/http/rules/cel.ts';
import { celFailureText, judgeByCel, type CelTask } from '../../../../src/probes/http/rules/cel-judge.ts';
import { CelThread } from '../../../../src/probes/http/rules/cel-thread.ts';
import { ManualClock, settle } from '../../../support/manual-clock.ts';
import { until } from '../../../support/until.ts';

const codeUrl = new URL('../../../../dist/', import.meta.url);
const clock = new ManualClock();
const threads: CelThread[] = [];
afterEach(async () => {
  await Promise.all(threads.splice(0).map((thread) => thread.stop()));
});

function start(options: { maxWaitingBytes?: number; maxHeapMb?: number } = {}): CelThread {
  const thread = new CelThread({ codeUrl, clock, ...options });
  threads.push(thread);
  return thread;
}

const task = (notMatches: string, json: unknown): CelTask => ({
  matches: undefined,
  notMatches,
  body: Buffer.from(JSON.stringify(json)),
});
const numbers = (length: number) => Array.from({ length }, (_, i) => i);
/** Takes days on a long list. */
const QUADRATIC = 'body.all(x, body.exists(y, y == x + 1.5 || y == x))';
const endless = task(QUADRATIC, numbers(300_000));
const quick = task('body.status == "ok"', { status: 'ok' });

describe('the thread for CEL', () => {
  it('answers as the rules do on the main thread, for any body', async () => {
    const thread = start();
    const texts = ['body.ok', 'body.exists(x, x == 1)', 'body == null', 'size(body) > 2', 'body.a.b == "c"'];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...texts), fc.json(), async (text, json) => {
        const body = Buffer.from(json);
        const rule = celRule.parse(text);
        expect(await thread.evaluate({ matches: text, notMatches: text, body }, new Cancellation())).toEqual({
          complaint: celFailureText(body, { celMatches: rule, celNotMatches: rule }),
        });
      }),
      { numRuns: 50 },
    );
  });

  it('ends an evaluation at the deadline of its run, and continues with the next one', async () => {
    const thread = start();
    expect(await thread.evaluate(quick, new Cancellation())).toEqual({ complaint: undefined });
    const run = new Cancellation();
    const late = thread.evaluate(endless, run);
    const next = thread.evaluate(quick, new Cancellation());
    await settle();
    run.abort();
    expect(await late).toEqual({ late: 'evaluation' });
    expect(await next).toEqual({ complaint: undefined });
  });

  it('ends an evaluation after five seconds, whatever the timeout of its run, so that others get their turn', async () => {
    const thread = start();
    const late = thread.evaluate(endless, new Cancellation());
    await clock.advance(5_000);
    expect(await late).toEqual({ late: 'evaluation' });
  });

  it('reports a late turn where a run ends before its evaluation began', async () => {
    const thread = start();
    const [first, second] = [new Cancellation(), new Cancellation()];
    const working = thread.evaluate(endless, first);
    const waiting = thread.evaluate(quick, second);
    second.abort();
    expect(await waiting).toEqual({ late: 'turn' });
    first.abort();
    expect(await working).toEqual({ late: 'evaluation' });
  });

  it('limits the bytes that wait', async () => {
    const thread = start({ maxWaitingBytes: 2_000_000 });
    const run = new Cancellation();
    const large = { ...quick, body: Buffer.alloc(1_500_000) };
    const working = thread.evaluate(endless, new Cancellation());
    const waiting = thread.evaluate(large, run);
    expect(await thread.evaluate(large, run)).toEqual({ late: 'turn' });
    run.abort();
    expect(await waiting).toEqual({ late: 'turn' });
    await thread.stop();
    expect(await working).toEqual({ late: 'evaluation' });
  });

  it('reports an expression that takes too much memory, and continues', async () => {
    const thread = start({ maxHeapMb: 24 });
    const growing = task('body.map(x, body.map(y, body.map(z, [x, y, z]))).size() > 0', numbers(2_000));
    const outcome = await thread.evaluate(growing, new Cancellation());
    expect(outcome).toEqual({ complaint: expect.stringContaining('MiB of memory') });
    expect(await thread.evaluate(quick, new Cancellation())).toEqual({ complaint: undefined });
  });

  it('ends with its current evaluation when it is stopped', async () => {
    const thread = start();
    const outcomes = [endless, quick].map((one) => thread.evaluate(one, new Cancellation()));
    await thread.stop();
    expect(await Promise.all(outcomes)).toEqual([{ late: 'evaluation' }, { late: 'turn' }]);
    await until(async () => 'late' in (await thread.evaluate(quick, new Cancellation())));
  });
});

describe('a body is judged at once', () => {
  const elsewhere = { complaint: 'judged elsewhere' };
  it.each([
    ['body.status == "ok"', 8_192, true],
    ['body.status == "ok"', 8_193, false],
    ['body.items.all(x, x > 1.0)', 1_024, true],
    ['body.items.all(x, x > 1.0)', 1_025, false],
    ['body.items.all(x, body.items.exists(y, x == y))', 100, false],
  ])('by %s with %i bytes: %s', async (text, length, expected) => {
    const start = Buffer.alloc(length, ' ');
    const verdict = await judgeByCel(
      { start, length },
      { celMatches: celRule.parse(text), celNotMatches: undefined, bodyMatchLimit: 1_048_576 },
      { signal: new Cancellation(), evaluateCel: () => Promise.resolve(elsewhere) },
    );
    const texts = [expected ? 'The body is not JSON, which the CEL expression needs' : elsewhere.complaint];
    expect(verdict).toMatchObject({ status: 'failure', reason: 'content', text: texts[0] });
  });
});
