import { Router, type Request, type Response } from 'express';
import type { EpochMs } from '../../domain/clock.ts';
import type { GuardHandler } from '../guard.ts';
import type { Acknowledgement } from '../../alerts/episode.ts';
import { parseInstant, toMilliseconds } from '../../domain/instant.ts';
import { parseDuration } from '../../domain/quantity.ts';
import type { AcknowledgeResult, Ledger } from '../../ledger/ledger.ts';
import { sendJson } from '../json.ts';
import { jsonBody, jsonMember } from '../middleware/json-body.ts';
import { sendProblem } from '../problem.ts';
import { episodeView } from './episode-view.ts';

export interface AcknowledgeDeps {
  readonly ledger: Pick<Ledger, 'acknowledge' | 'unacknowledge'>;
  readonly now: () => EpochMs;
  /** Passes only clients that may acknowledge. */
  readonly guard: GuardHandler;
}

const PATH = '/api/v1/alerts/:id/ack';
export const MAX_BY = 200;
export const MAX_COMMENT = 4_000;
/** The end of the year 9999: a later time cannot be written. */
const LATEST_EXPIRY = 253_402_300_799_999;

/** `POST|DELETE /api/v1/alerts/{id}/ack`: acknowledges an episode, or withdraws the acknowledgement. */
export function createAcknowledgeRoute({ ledger, now, guard }: AcknowledgeDeps): Router {
  const router = Router();
  router.post(PATH, guard, jsonBody(), async (request, response) => {
    const given = readAcknowledgement(request.body, now());
    if (typeof given === 'string') sendInvalid(response, given);
    else sendResult(request, response, await ledger.acknowledge(idOf(request), given));
  });
  router.delete(PATH, guard, async (request, response) => {
    sendResult(request, response, await ledger.unacknowledge(idOf(request), now()));
  });
  return router;
}

function idOf(request: Request): string {
  return String(request.params['id']);
}

/** @returns the problem, as text */
function readAcknowledgement(body: unknown, now: number): Acknowledgement | string {
  const [by, comment = ''] = [jsonMember(body, 'by'), jsonMember(body, 'comment')];
  if (typeof by !== 'string' || by.trim() === '' || by.length > MAX_BY) {
    return `by is ${by === undefined ? 'missing' : JSON.stringify(by)}; expected the name of the person who acknowledges, 1 to ${MAX_BY} characters`;
  }
  if (typeof comment !== 'string' || comment.length > MAX_COMMENT) {
    return `comment is not a string of at most ${MAX_COMMENT} characters`;
  }
  const expires = readExpiry(jsonMember(body, 'expires'), now);
  if (typeof expires === 'string') return expires;
  return { by: by.trim(), comment, at: now, expiresAt: expires };
}

function readExpiry(given: unknown, now: number): number | undefined | string {
  if (given === undefined || given === null || given === '') return undefined;
  const expected = 'expected a time such as 2026-01-31T12:00:00Z or a duration such as 2h';
  if (typeof given !== 'string') return `expires is ${JSON.stringify(given)}; ${expected}`;
  const duration = parseDuration(given);
  const instant = parseInstant(given);
  const at = duration === undefined ? instant && toMilliseconds(instant.ns) : now + duration;
  if (at === undefined || !Number.isSafeInteger(at)) return `expires is "${given}"; ${expected}`;
  if (at > LATEST_EXPIRY)
    return `expires is "${given}", which is after the year 9999; ${expected}, or nothing`;
  return at > now ? at : `expires is "${given}", which is in the past; ${expected} in the future`;
}

function sendInvalid(response: Response, detail: string): void {
  sendProblem(response, { status: 400, title: 'Invalid acknowledgement', detail: `${detail}.` });
}

function sendResult(request: Request, response: Response, result: AcknowledgeResult): void {
  if (result.outcome === 'unknown') {
    const detail = `No alert has the id "${idOf(request)}"; /api/v1/alerts lists those that are open.`;
    sendProblem(response, { status: 404, title: 'No such alert', detail });
  } else if (result.outcome === 'closed') {
    const detail = 'The episode is closed; only an open one can be acknowledged.';
    sendProblem(response, { status: 409, title: 'The alert is resolved', detail });
  } else {
    sendJson(response, episodeView(result.episode));
  }
}
