import { fail } from './failure.ts';

/** Control characters end lines and fields, or hide in logs. In field values, a tab is as acceptable as a space. */
const NOT_HOST = /[^\x21-\x7e\x80-\uffff]/;
const NOT_TARGET = NOT_HOST;
const NOT_VALUE = /[^\t\x20-\x7e\x80-\uffff]/;

/** Whether a text can be a host name: it has neither control characters nor spaces. */
export function isHostText(text: string): boolean {
  return !NOT_HOST.test(text);
}

/** @throws ProbeFailure `config`; no part of such a name is sent */
export function requireHostText(name: string): void {
  if (!isHostText(name))
    throw fail(
      'config',
      `${JSON.stringify(name)} is not a host name: it has white space or control characters`,
    );
}

/** The parts of a request or of a line that are sent unchanged. */
interface RequestText {
  readonly method: string;
  readonly path: string;
  /** Names and values, alternating. */
  readonly headers: readonly string[];
}

/**
 * The last check before a request is written: wherever its parts come from (settings, a target, a redirect, cookies, a
 * token), none may end its line or begin another request.
 * @throws ProbeFailure `config`; the texts may be secrets, and are not shown
 */
export function requireSendable({ method, path, headers }: RequestText): void {
  if (NOT_TARGET.test(method) || NOT_TARGET.test(path))
    throw fail('config', 'The path of the request has white space or control characters; it was not sent');
  const bad = headers.findIndex((text) => NOT_VALUE.test(text));
  if (bad < 0) return;
  const name = JSON.stringify(headers[bad - (bad % 2)]);
  throw fail('config', `The header ${name} has control characters; the request was not sent`);
}

export function hasControls(text: string): boolean {
  return /[^\x20-\x7e\x80-\uffff]/.test(text);
}
