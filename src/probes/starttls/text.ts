import type { ProbeFailure } from '../net/failure.ts';
import { fail } from '../net/failure.ts';
import type { Wire } from './wire.ts';

/**
 * A reply of SMTP and similar protocols: `250-…` lines, the last one `250 …`.
 * @see https://www.rfc-editor.org/rfc/rfc5321#section-4.2
 */
interface Reply {
  readonly code: number;
  readonly lines: readonly string[];
}

/** @see https://www.rfc-editor.org/rfc/rfc3207 */
export async function startSmtp(wire: Wire): Promise<void> {
  expectCode(await reply(wire), 220, 'its greeting');
  await wire.send('EHLO tocsin.invalid\r\n');
  const hello = await reply(wire);
  expectCode(hello, 250, 'EHLO');
  if (!hello.lines.some((line) => /^STARTTLS\s*$/i.test(line)))
    throw fail('protocol', 'The server does not offer STARTTLS');
  await wire.send('STARTTLS\r\n');
  expectCode(await reply(wire), 220, 'STARTTLS');
}

/** @see https://www.rfc-editor.org/rfc/rfc4217 */
export async function startFtp(wire: Wire): Promise<void> {
  expectCode(await reply(wire), 220, 'its greeting');
  await wire.send('AUTH TLS\r\n');
  expectCode(await reply(wire), 234, 'AUTH TLS');
}

async function reply(wire: Wire): Promise<Reply> {
  const lines: string[] = [];
  for (;;) {
    const line = await wire.line();
    const match = /^(\d{3})([ -]|$)(.*)$/.exec(line);
    const numbered = match !== null;
    // FTP may omit the number in the middle of a reply
    if (!numbered && lines.length === 0) throw unlike(line);
    lines.push(match?.[3] ?? line);
    if (numbered && match[2] !== '-') return { code: Number(match[1]), lines };
    if (lines.length > MAX_LINES) throw fail('protocol', 'The reply of the server does not end');
  }
}

const MAX_LINES = 200;

function expectCode({ code, lines }: Reply, expected: number, to: string): void {
  if (code === expected) return;
  throw fail('reply', `The server answers ${to} with ${code} ${shown(lines.at(-1) ?? '')}`.trimEnd());
}

/** @see https://www.rfc-editor.org/rfc/rfc9051#section-6.2.1 */
export async function startImap(wire: Wire): Promise<void> {
  const greeting = await wire.line();
  if (/^\* BYE\b/i.test(greeting)) throw fail('reply', `The server answers ${shown(greeting)}`);
  if (!/^\* (?:OK|PREAUTH)\b/i.test(greeting)) throw unlike(greeting);
  await wire.send('t1 STARTTLS\r\n');
  for (let i = 0; i < MAX_LINES; i += 1) {
    const line = await wire.line();
    if (/^t1 OK\b/i.test(line)) return;
    if (/^t1 /i.test(line)) throw fail('reply', `The server answers STARTTLS with ${shown(line.slice(3))}`);
    if (!line.startsWith('*')) throw unlike(line);
  }
  throw fail('protocol', 'The reply of the server does not end');
}

/** @see https://www.rfc-editor.org/rfc/rfc2595#section-4 */
export async function startPop3(wire: Wire): Promise<void> {
  expectOk(await wire.line(), 'its greeting');
  await wire.send('STLS\r\n');
  expectOk(await wire.line(), 'STLS');
}

function expectOk(line: string, to: string): void {
  if (/^\+OK\b/.test(line)) return;
  if (line.startsWith('-ERR')) throw fail('reply', `The server answers ${to} with ${shown(line)}`);
  throw unlike(line);
}

function unlike(line: string): ProbeFailure {
  return fail('protocol', `The server does not speak that protocol; it sent "${shown(line)}"`);
}

/** A server's line, safe for a log. */
function shown(line: string): string {
  return line.slice(0, 120).replace(/[^\x20-\x7e]/g, '.');
}
