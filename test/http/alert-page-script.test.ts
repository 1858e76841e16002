import { createContext, runInContext } from 'node:vm';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { RequestHandler } from 'express';
import type { Episode } from '../../src/ledger/ledger.ts';
import { open as everyone } from '../../src/http/guard.ts';
import { createAlertPageRoute } from '../../src/http/routes/alert-page.ts';
import { sendProblem } from '../../src/http/problem.ts';
import { serveHandlers, type HttpRig } from '../support/http/http-rig.ts';

const EPISODE: Episode = {
  ...{ id: '7', webhook: 'main', fingerprint: '00000000000000aa', state: 'open', severity: 'critical' },
  ...{ labels: { alertname: 'A' }, annotations: {}, startsAt: '2026-01-01T00:00:00Z', generatorUrl: '' },
  ...{ firstReceivedAt: 0, lastReceivedAt: 0, unacknowledgedSince: 0, receiver: 'r', ordinal: 1 },
  acknowledged: true,
};

let rig: HttpRig | undefined;
afterEach(async () => {
  await rig?.close();
  rig = undefined;
});

interface Asked {
  readonly method: string;
  readonly authorization: string | undefined;
}

/** Loads the page from a server; returns a function that submits its form and reads the message shown. */
async function open(answer: RequestHandler, fields: Readonly<Record<string, string>> = {}) {
  const asked: Asked[] = [];
  const page = createAlertPageRoute({
    ledger: { alerts: () => Promise.resolve([EPISODE]) },
    reads: { limitConcurrency: everyone },
    guard: everyone,
  });
  const act: RequestHandler = (request, response, next) => {
    if (request.path !== '/api/v1/alerts/7/ack') next();
    else {
      asked.push({ method: request.method, authorization: request.headers.authorization });
      void answer(request, response, next);
    }
  };
  rig = await serveHandlers([page, act]);
  const { url } = rig;
  const html = await (await fetch(`${url}/alerts/by-fingerprint/main/00000000000000aa`)).text();
  const script = /<script>([^]*)<\/script>/.exec(html)?.[1] ?? '';
  const path = /data-url="([^"]*)"/.exec(html)?.[1] ?? '';
  const said = { textContent: 'before' };
  const shown = { reloads: 0 };
  let submit: (event: unknown) => Promise<void> = () =>
    Promise.reject(new Error('nothing listens to submit'));
  const form = {
    dataset: { url: path },
    elements: Object.fromEntries(
      ['by', 'comment', 'expires', 'token'].map((name) => [name, { value: fields[name] ?? '' }]),
    ),
    addEventListener: (_type: string, listener: typeof submit) => void (submit = listener),
  };
  const context = createContext({
    document: { querySelector: (name: string) => (name === 'form' ? form : said) },
    location: { reload: () => shown.reloads++ },
    fetch: (target: string, options: RequestInit) => fetch(`${url}${target}`, options),
  });
  runInContext(script, context);
  const press = (value: string) => submit({ preventDefault: () => undefined, submitter: { value } });
  return { press, said, page: shown, asked, path };
}

describe('the script of the alert page', () => {
  it.each(['acknowledge', 'withdraw'])(
    'reloads the page of the alert when the request succeeds: %s',
    async (value) => {
      const opened = await open((_request, response) => void response.json({}), { token: ' secret ' });
      await opened.press(value);
      expect(opened.page.reloads).toBe(1);
      expect(opened.said.textContent).toBe('');
      const method = value === 'withdraw' ? 'DELETE' : 'POST';
      expect(opened.asked).toEqual([{ method, authorization: 'Bearer secret' }]);
    },
  );

  it.each([401, 409, 500])('shows the message of the server for %i', async (status) => {
    const opened = await open((_request, response) =>
      sendProblem(response, { status, title: 'No', detail: `It answered ${status}.` }),
    );
    await opened.press('acknowledge');
    expect(opened.page.reloads).toBe(0);
    expect(opened.said.textContent).toBe(`It answered ${status}.`);
  });

  it('reports a response that is not a problem document, such as that of a proxy', async () => {
    const opened = await open((_request, response) => void response.status(502).send('<html>'));
    await opened.press('acknowledge');
    expect(opened.said.textContent).toContain('answered 502 Bad Gateway; nothing was changed');
  });

  it('reports a refused connection', async () => {
    const opened = await open((_request, response) => void response.json({}));
    await rig?.close();
    await opened.press('acknowledge');
    expect(opened.page.reloads).toBe(0);
    expect(opened.said.textContent).toMatch(/^The request failed \(.+\), and may not have reached Tocsin/);
  });
});
