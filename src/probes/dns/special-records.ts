import { characterText } from './escapes.ts';
import { ipv4Text, ipv6Text, timeText, type Field } from './fields.ts';
import { MalformedMessageError, type WireReader } from './reader.ts';

// record data whose text is more than a list of fields

/** RFC 1876. */
export const location: Field = (data) => {
  if (data.u8() !== 0) throw new MalformedMessageError('a LOC record has an unknown version');
  const [size, horizontal, vertical] = [data.u8(), data.u8(), data.u8()];
  const latitude = degrees(data.u32(), 'N', 'S');
  const longitude = degrees(data.u32(), 'E', 'W');
  const centimetres = data.u32() - 10_000_000;
  const altitude = centimetres % 100 === 0 ? `${centimetres / 100}` : (centimetres / 100).toFixed(2);
  return `${latitude} ${longitude} ${altitude}m ${extent(size)}m ${extent(horizontal)}m ${extent(vertical)}m`;
};

function degrees(value: number, positive: string, negative: string): string {
  const offset = value - 0x8000_0000;
  const thousandths = Math.abs(offset);
  const seconds = ((thousandths % 60_000) / 1_000).toFixed(3);
  const minutes = Math.floor(thousandths / 60_000) % 60;
  const whole = Math.floor(thousandths / 3_600_000);
  const pad = (number: number): string => String(number).padStart(2, '0');
  // exactly on the equator and the meridian it is the southern and western side, as in miekg/dns
  return `${pad(whole)} ${pad(minutes)} ${seconds} ${offset > 0 ? positive : negative}`;
}

/** Centimetres as mantissa and exponent, written in metres. */
function extent(byte: number): string {
  const [mantissa, exponent] = [byte >> 4, byte & 0x0f];
  if (mantissa > 9 || exponent > 9) throw new MalformedMessageError('a LOC record has an impossible size');
  if (exponent < 2) return `0.${exponent === 1 ? `${mantissa}0` : `0${mantissa}`}`;
  return `${mantissa}${'0'.repeat(exponent - 2)}`;
}

/** RFC 3123. */
export const prefixList: Field = (data) => {
  const prefixes: string[] = [];
  while (data.left > 0) {
    const family = data.u16();
    const length = data.u8();
    const mark = data.u8();
    const sizes: Readonly<Record<number, number>> = { 1: 4, 2: 16 };
    const address = Buffer.alloc(sizes[family] ?? 0);
    const given = data.bytes(mark & 0x7f);
    if (address.length === 0 || given.length > address.length)
      throw new MalformedMessageError('an APL record has an unknown prefix');
    given.copy(address);
    const text = family === 1 ? ipv4Text(address) : ipv6Text(address);
    prefixes.push(`${mark >= 0x80 ? '!' : ''}${family}:${text}/${length}`);
  }
  return prefixes.join(' ');
};

/** RFC 4025: precedence, type of gateway, algorithm, gateway, key. */
export const ipsecKey: Field = (data) => {
  const [precedence, kind, algorithm] = [data.u8(), data.u8(), data.u8()];
  const gateway = gatewayText(data, kind);
  return `${precedence} ${kind} ${algorithm} ${gateway} ${data.rest().toString('base64')}`;
};

/** RFC 8777: precedence, whether discovery is optional, type of relay, relay. */
export const relay: Field = (data) => {
  const precedence = data.u8();
  const kind = data.u8();
  return `${precedence} ${kind >> 7} ${kind & 0x7f} ${gatewayText(data, kind & 0x7f)}`;
};

function gatewayText(data: WireReader, kind: number): string {
  if (kind === 0) return '.';
  if (kind === 1) return ipv4Text(data.bytes(4));
  if (kind === 2) return ipv6Text(data.bytes(16));
  if (kind === 3) return data.name();
  throw new MalformedMessageError('a record has a gateway of an unknown type');
}

/** RFC 8005: algorithm, host identity tag, public key, rendezvous servers. */
export const hostIdentity: Field = (data) => {
  const tagLength = data.u8();
  const algorithm = data.u8();
  const keyLength = data.u16();
  const parts = [String(algorithm), data.bytes(tagLength).toString('hex').toUpperCase()];
  parts.push(data.bytes(keyLength).toString('base64'));
  while (data.left > 0) parts.push(data.name());
  return parts.join(' ');
};

const CERTIFICATE_TYPES: Readonly<Record<number, string>> = {
  1: 'PKIX',
  2: 'SPKI',
  3: 'PGP',
  4: 'IPIX',
  5: 'ISPKI',
  6: 'IPGP',
  7: 'ACPKIX',
  8: 'IACPKIX',
  253: 'URI',
  254: 'OID',
};
const ALGORITHMS: Readonly<Record<number, string>> = {
  1: 'RSAMD5',
  2: 'DH',
  3: 'DSA',
  5: 'RSASHA1',
  6: 'DSA-NSEC3-SHA1',
  7: 'RSASHA1-NSEC3-SHA1',
  8: 'RSASHA256',
  10: 'RSASHA512',
  12: 'ECC-GOST',
  13: 'ECDSAP256SHA256',
  14: 'ECDSAP384SHA384',
  15: 'ED25519',
  16: 'ED448',
  252: 'INDIRECT',
  253: 'PRIVATEDNS',
  254: 'PRIVATEOID',
};

/** RFC 4398. */
export const certificate: Field = (data) => {
  const [type, tag, algorithm] = [data.u16(), data.u16(), data.u8()];
  const key = data.rest().toString('base64');
  return `${CERTIFICATE_TYPES[type] ?? type} ${tag} ${ALGORITHMS[algorithm] ?? algorithm} ${key}`;
};

/** RFC 8659: flags, tag, value. */
export const authority: Field = (data) => `${data.u8()} ${data.string()} "${characterText(data.rest())}"`;

/** RFC 2930; miekg/dns shows it as a comment that begins with a space. */
export const transactionKey: Field = (data) => {
  const algorithm = data.name();
  const [inception, expiration] = [timeText(data.u32()), timeText(data.u32())];
  const [mode, error] = [data.u16(), data.u16()];
  const key = data.bytes(data.u16()).toString('hex');
  const other = data.bytes(data.u16()).toString('hex');
  const sizes = [key.length / 2, other.length / 2] as const;
  return ` ${algorithm} ${inception} ${expiration} ${mode} ${error} ${sizes[0]} ${key} ${sizes[1]} ${other}`;
};

/** RFC 8945. */
export const signature: Field = (data) => {
  const algorithm = data.name();
  const signed = timeText(data.u16() * 2 ** 32 + data.u32());
  const fudge = data.u16();
  const mac = data.bytes(data.u16()).toString('hex').toUpperCase();
  const [id, error] = [data.u16(), data.u16()];
  const other = data.bytes(data.u16()).toString('hex').toUpperCase();
  const sizes = [mac.length / 2, other.length / 2] as const;
  return ` ${algorithm} ${signed} ${fudge} ${sizes[0]} ${mac} ${id} ${error} ${sizes[1]} ${other}`;
};
