import { fail } from '../net/failure.ts';
import type { Wire } from './wire.ts';

/** SSLRequest. @see https://www.postgresql.org/docs/current/protocol-message-formats.html */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
const YES = 0x53;
const NO = 0x4e;

export async function startPostgres(wire: Wire): Promise<void> {
  await wire.send(SSL_REQUEST);
  const [answer] = await wire.bytes(1);
  if (answer === YES) return;
  if (answer === NO) throw fail('reply', 'The server does not support TLS');
  throw fail('protocol', 'The server does not speak the protocol of PostgreSQL');
}

/** An ExtendedRequest for 1.3.6.1.4.1.1466.20037. @see https://www.rfc-editor.org/rfc/rfc4511#section-4.14 */
const LDAP_START_TLS = Buffer.concat([
  Buffer.from([0x30, 0x1d, 0x02, 0x01, 0x01, 0x77, 0x18, 0x80, 0x16]),
  Buffer.from('1.3.6.1.4.1.1466.20037', 'ascii'),
]);
const EXTENDED_RESPONSE = 0x78;
const MAX_ANSWER_BYTES = 65_536;

export async function startLdap(wire: Wire): Promise<void> {
  await wire.send(LDAP_START_TLS);
  const code = ldapResultCode(await ldapMessage(wire));
  if (code === undefined) throw fail('protocol', 'The server does not speak LDAP');
  if (code !== 0) throw fail('reply', `The server refuses StartTLS with LDAP result ${code}`);
}

/** One LDAPMessage without its outer tag and length. */
async function ldapMessage(wire: Wire): Promise<Buffer> {
  const [tag, first = 0] = await wire.bytes(2);
  if (tag !== 0x30) throw fail('protocol', 'The server does not speak LDAP');
  const count = first < 0x80 ? 0 : first & 0x7f;
  const length =
    count === 0 ? first : (await wire.bytes(Math.min(count, 4))).readUIntBE(0, Math.min(count, 4));
  if (count > 4 || length > MAX_ANSWER_BYTES) throw fail('protocol', 'The server does not speak LDAP');
  return wire.bytes(length);
}

/**
 * The result code of an ExtendedResponse; undefined when the bytes are not one.
 * @param message an LDAPMessage without its outer tag and length: messageID, then the response
 */
export function ldapResultCode(message: Buffer): number | undefined {
  const id = element(message, 0);
  const response = id?.tag === 0x02 ? element(message, id.end) : undefined;
  const result = response?.tag === EXTENDED_RESPONSE ? element(message, response.start) : undefined;
  if (result?.tag !== 0x0a || result.end !== result.start + 1) return undefined;
  return message[result.start];
}

/** A tag with its content, in BER with a definite length. */
function element(bytes: Buffer, at: number) {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) return undefined;
  const count = first < 0x80 ? 0 : first & 0x7f;
  const start = at + 2 + count;
  if (count > 4 || start > bytes.length) return undefined;
  const length = count === 0 ? first : bytes.readUIntBE(at + 2, count);
  return start + length > bytes.length ? undefined : { tag, start, end: start + length };
}
