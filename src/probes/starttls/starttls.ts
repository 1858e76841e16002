import type { Socket } from 'node:net';
import type { CancelSignal } from '../../domain/cancellation.ts';
import { startLdap, startPostgres } from './binary.ts';
import { startFtp, startImap, startPop3, startSmtp } from './text.ts';
import { Wire } from './wire.ts';

const STARTS = {
  smtp: startSmtp,
  imap: startImap,
  pop3: startPop3,
  ftp: startFtp,
  postgres: startPostgres,
  ldap: startLdap,
} as const;

export type StartTls = keyof typeof STARTS;
export const STARTTLS = [
  'smtp',
  'imap',
  'pop3',
  'ftp',
  'postgres',
  'ldap',
] as const satisfies readonly StartTls[];

/**
 * Asks a server to switch to TLS in its own protocol; the handshake comes next. Anything the server sends before it is
 * discarded.
 * @throws ProbeFailure `reply` when the server refuses, `protocol` when it speaks something else
 */
export async function startTls(protocol: StartTls, socket: Socket, signal: CancelSignal): Promise<void> {
  const wire = new Wire(socket, signal);
  try {
    await STARTS[protocol](wire);
  } finally {
    wire.release();
  }
}
