import { createHash } from 'node:crypto';
import { Router, type Request, type Response } from 'express';
import type { GuardHandler } from '../guard.ts';
import { rfc3339 } from '../../checks/health/run-view.ts';
import type { ReadResponder } from '../reads/read-responder.ts';
import type { Episode, Ledger } from '../../ledger/ledger.ts';
import { MAX_BY, MAX_COMMENT } from './acknowledge.ts';

export interface AlertPageDeps {
  readonly ledger: Pick<Ledger, 'alerts'>;
  readonly reads: Pick<ReadResponder, 'limitConcurrency'>;
  /** Passes only readers. */
  readonly guard: GuardHandler;
}

/**
 * The form sends JSON to the API, which a page of another origin cannot do: neither a cookie nor a hidden field is
 * needed. Its parameters are in attributes, so that the script is always the same text and can be allowed by its hash.
 */
const SCRIPT = `
const form = document.querySelector('form');
const said = document.querySelector('output');
form?.addEventListener('submit', async (event) => {
  event.preventDefault();
  const field = (name) => form.elements[name]?.value.trim() ?? '';
  const headers = { 'Content-Type': 'application/json' };
  if (field('token') !== '') headers.Authorization = 'Bearer ' + field('token');
  const withdraw = event.submitter?.value === 'withdraw';
  const body = JSON.stringify({ by: field('by'), comment: field('comment'), expires: field('expires') });
  said.textContent = '';
  try {
    const response = await fetch(form.dataset.url, withdraw ? { method: 'DELETE', headers } : { method: 'POST', headers, body });
    if (response.ok) { location.reload(); return; }
    const problem = await response.json().catch(() => ({}));
    said.textContent = problem.detail ?? 'Tocsin, or a proxy in front of it, answered ' + response.status + ' ' + response.statusText + '; nothing was changed.';
  } catch (error) {
    said.textContent = 'The request failed (' + error.message + '), and may not have reached Tocsin. Reload the page to see what is recorded, and try again.';
  }
});
`;
const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 44rem; padding: 0 1rem; }
th { text-align: left; vertical-align: top; padding-right: 1rem; font-weight: 600; }
td { overflow-wrap: anywhere; }
label { display: block; margin: .5rem 0; }
input { font: inherit; width: 100%; box-sizing: border-box; }
output { color: #a00; display: block; margin-top: .5rem; }
`;
const POLICY = [
  "default-src 'none'",
  `script-src '${hashOf(SCRIPT)}'`,
  `style-src '${hashOf(STYLE)}'`,
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** `/alerts/by-fingerprint/{webhook}/{fingerprint}`: one alert, for links in messages, with an acknowledgement form. */
export function createAlertPageRoute({ ledger, reads, guard }: AlertPageDeps): Router {
  const router = Router();
  router.get(
    '/alerts/by-fingerprint/:webhook/:fingerprint',
    guard,
    reads.limitConcurrency,
    async (request, response) => {
      const [webhook, fingerprint] = [
        paramOf(request, 'webhook'),
        paramOf(request, 'fingerprint').toLowerCase(),
      ];
      const [episode] = await ledger.alerts({ state: 'all', webhook, fingerprint, limit: 1 });
      if (episode === undefined)
        send(response.status(404), 'No such alert', notFoundHtml(webhook, fingerprint));
      else send(response, episode.labels['alertname'] ?? 'Alert', episodeHtml(episode));
    },
  );
  return router;
}

function paramOf(request: Request, name: string): string {
  return String(request.params[name]);
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

function send(response: Response, title: string, main: string): void {
  response
    .set({
      'Content-Security-Policy': POLICY,
      'Cache-Control': 'no-store',
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
    })
    .type('html').send(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(title)}</title>
<style>${STYLE}</style></head>
<body>
<h1>${escape(title)}</h1>
${main}
<script>${SCRIPT}</script>
</body>
</html>
`);
}

function notFoundHtml(webhook: string, fingerprint: string): string {
  return `<p>The ledger has no alert ${escape(fingerprint)} of ${escape(webhook)}.</p>`;
}

function episodeHtml(episode: Episode): string {
  const { labels, annotations, acknowledgement } = episode;
  const rows: [string, string][] = [
    ['State', episode.state === 'open' ? 'firing' : 'resolved'],
    ['Severity', episode.severity],
    ['Since', episode.startsAt],
    ...(episode.endsAt === undefined ? [] : [['Ended', episode.endsAt] as [string, string]]),
    [
      'Acknowledged',
      acknowledgement === undefined || !episode.acknowledged ? 'no' : acknowledgementHtml(acknowledgement),
    ],
    ...Object.entries(annotations),
    ...Object.entries(labels),
  ];
  const table = rows
    .map(([name, value]) => `<tr><th>${escape(name)}</th><td>${escape(value)}</td></tr>`)
    .join('\n');
  return `<table>\n${table}\n</table>\n${episode.state === 'open' ? formHtml(episode) : ''}`;
}

function acknowledgementHtml({ by, comment, expiresAt }: NonNullable<Episode['acknowledgement']>): string {
  const until = expiresAt === undefined ? '' : `, until ${rfc3339(expiresAt)}`;
  return `by ${by}${until}${comment === '' ? '' : `: ${comment}`}`;
}

function formHtml({ id, acknowledged }: Episode): string {
  return `<form method="dialog" data-url="/api/v1/alerts/${encodeURIComponent(id)}/ack">
<label>Who <input name="by" autocomplete="name" maxlength="${MAX_BY}"></label>
<label>Comment <input name="comment" maxlength="${MAX_COMMENT}"></label>
<label>Until (such as 2h; empty: until it is resolved) <input name="expires"></label>
<label>Token (where one is needed) <input name="token" type="password" autocomplete="off"></label>
<button value="acknowledge">Acknowledge</button>
${acknowledged ? '<button value="withdraw">Withdraw</button>' : ''}
<output role="alert"></output>
</form>`;
}

function escape(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}
