import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { postWebhook, webhookAlert, webhookPayload } from '../support/alerts/alerts.ts';
import { damage } from '../support/ledger/damage.ts';
import { runTocsin, startTocsin, temporaryFolder, type RunningTocsin } from '../support/processes/tocsin.ts';
import { until } from '../support/until.ts';

const config = 'store: { path: ledger.db }\nhost: { enabled: false }\n';
const names = ['A', 'B', 'C'];

async function json(tocsin: RunningTocsin, path: string): Promise<Record<string, unknown[]>> {
  return (await (await fetch(`${tocsin.url}${path}`)).json()) as Record<string, unknown[]>;
}

/** The data of the first events that a stream sends, this many of them. */
async function streamed(tocsin: RunningTocsin, count: number, after: string): Promise<string[]> {
  const stop = new AbortController();
  const response = await fetch(`${tocsin.url}/api/v1/events/stream`, {
    signal: stop.signal,
    headers: { 'last-event-id': after },
  });
  const decoder = new TextDecoder();
  let text = '';
  for await (const part of response.body ?? []) {
    text += decoder.decode(part as Uint8Array, { stream: true });
    if (text.split('\ndata: ').length > count) break;
  }
  stop.abort();
  return [...text.matchAll(/^id: (.*)$/gm)].map(([, id]) => id ?? '');
}

describe('a ledger with damaged rows', () => {
  it('is served by a process except those rows, and exported with the offsets of the omitted events', async () => {
    await using folder = temporaryFolder();
    {
      await using tocsin = await startTocsin({ folder: folder.path, config });
      for (const name of names)
        await postWebhook(tocsin.url, webhookPayload([webhookAlert({ alertname: name })]));
      await tocsin.stop();
    }
    damage(join(folder.path, 'ledger.db'), [
      { table: 'segments', column: 'lines', where: 'first = 2', damage: 'cut' },
      { table: 'deliveries', column: 'received', where: 'id = 1' },
    ]);
    await using tocsin = await startTocsin({ folder: folder.path, config });
    const { events = [] } = (await json(tocsin, '/api/v1/events')) as { events?: { id: string }[] };
    expect(events.map(({ id }) => id.split('-')[1])).toEqual(['1', '3']);
    const [first] = events;
    expect(await streamed(tocsin, 1, first?.id ?? '')).toEqual([events[1]?.id]);
    expect((await json(tocsin, '/api/v1/alerts'))['alerts']).toMatchObject([
      { labels: { alertname: 'C' } },
      { labels: { alertname: 'A' } },
    ]);
    expect((await json(tocsin, '/api/v1/deliveries'))['deliveries']).toMatchObject([{ id: 3 }, { id: 2 }]);
    await until(async () => {
      const text = await (await fetch(`${tocsin.url}/metrics`)).text();
      return ['episodes', 'segments', 'deliveries'].every((table) =>
        text.includes(`tocsin_ledger_unreadable_rows_total{table="${table}"} 1`),
      );
    });
    const errors = () => tocsin.log.filter(({ level }) => level === 'error');
    await until(() => errors().length >= 3);
    expect(
      errors()
        .map(({ table, row }) => [table, row])
        .sort(),
    ).toEqual([
      ['deliveries', 1],
      ['episodes', 2],
      ['segments', 2],
    ]);
    const exported = await runTocsin(['ledger', 'export', '--config', join(folder.path, 'tocsin.yml')], {
      cwd: folder.path,
    });
    expect(exported.code).toBe(1);
    expect(exported.stdout.trim().split('\n')).toHaveLength(2);
    expect(exported.stderr).toContain('Left out because they cannot be read: 1 event, at offset 2.');
    const replayed = await runTocsin(
      ['ledger', 'replay', 'again.db', '--config', join(folder.path, 'tocsin.yml')],
      { cwd: folder.path },
    );
    expect(replayed.code).toBe(1);
    expect(JSON.parse(replayed.stdout)).toMatchObject({ deliveries: 2, unreadable: 1 });
    // the alert of the damaged episode is delivered again: it is the same episode, and counted again
    await postWebhook(tocsin.url, webhookPayload([webhookAlert({ alertname: 'B' })]));
    expect((await json(tocsin, '/api/v1/alerts'))['alerts']).toHaveLength(3);
    expect((await json(tocsin, '/api/v1/quarantine'))['quarantine']).toMatchObject([
      { pointer: '/episodes/2' },
    ]);
  });
});
