import {
  base32,
  base64,
  bitmap,
  groups,
  hex,
  ipv4,
  ipv6,
  name,
  nameList,
  quoted,
  quotedList,
  quotedRest,
  salt,
  time,
  typeName,
  u16,
  u32,
  u8,
  upperHex,
  word,
  type Field,
} from './fields.ts';
import type { ResourceRecord } from './message.ts';
import { classText, typeNumber, typeText } from './names.ts';
import {
  authority,
  certificate,
  hostIdentity,
  ipsecKey,
  location,
  prefixList,
  relay,
  signature,
  transactionKey,
} from './special-records.ts';
import { MalformedMessageError } from './reader.ts';
import { serviceBinding } from './service-binding.ts';

const DIGEST = [u16, u8, u8, upperHex];
const KEY = [u16, u8, u8, base64];
const ASSOCIATION = [u8, u8, u8, hex];
const SIGNATURE = [typeName, u8, u8, u32, time, time, u16, name, base64];

/** The fields in the data of each type, written with spaces between them. */
const FIELDS: Readonly<Record<string, readonly Field<string | undefined>[]>> = {
  A: [ipv4],
  AAAA: [ipv6],
  AFSDB: [u16, name],
  AMTRELAY: [relay],
  APL: [prefixList],
  AVC: [quotedList],
  CAA: [authority],
  CDNSKEY: KEY,
  CDS: DIGEST,
  CERT: [certificate],
  CNAME: [name],
  CSYNC: [u32, u16, bitmap],
  DHCID: [base64],
  DLV: DIGEST,
  DNAME: [name],
  DNSKEY: KEY,
  DS: DIGEST,
  EID: [upperHex],
  EUI48: [groups(6, 2, '-')],
  EUI64: [groups(8, 2, '-')],
  GID: [u32],
  GPOS: [word, word, word],
  HINFO: [quoted, quoted],
  HIP: [hostIdentity],
  HTTPS: [serviceBinding],
  IPSECKEY: [ipsecKey],
  ISDN: [quotedList],
  KEY,
  KX: [u16, name],
  L32: [u16, ipv4],
  L64: [u16, (data) => groups(8, 4, ':')(data).toUpperCase()],
  LOC: [location],
  LP: [u16, name],
  MB: [name],
  MD: [name],
  MF: [name],
  MG: [name],
  MINFO: [name, name],
  MR: [name],
  MX: [u16, name],
  NAPTR: [u16, u16, quoted, quoted, quoted, name],
  NID: [u16, groups(8, 4, ':')],
  NIMLOC: [upperHex],
  NINFO: [quotedList],
  NS: [name],
  'NSAP-PTR': [name],
  NSEC: [name, bitmap],
  NSEC3: [u8, u8, u16, salt, base32, bitmap],
  NSEC3PARAM: [u8, u8, u16, salt],
  NULL: [(data) => data.rest().toString('utf8')],
  NXNAME: [],
  NXT: [name, bitmap],
  OPENPGPKEY: [base64],
  PTR: [name],
  PX: [u16, name, name],
  RESINFO: [quotedList],
  RKEY: KEY,
  RP: [name, name],
  RRSIG: SIGNATURE,
  RT: [u16, name],
  SIG: SIGNATURE,
  SMIMEA: ASSOCIATION,
  SOA: [name, name, u32, u32, u32, u32, u32],
  SPF: [quotedList],
  SRV: [u16, u16, u16, name],
  SSHFP: [u8, u8, upperHex],
  SVCB: [serviceBinding],
  TA: DIGEST,
  TALINK: [name, nameList],
  TKEY: [transactionKey],
  TLSA: ASSOCIATION,
  TSIG: [signature],
  TXT: [quotedList],
  UID: [u32],
  UINFO: [quoted],
  URI: [u16, u16, quotedRest],
  X25: [word],
  ZONEMD: [u32, u8, u8, hex],
};

const OPT = typeNumber('OPT');

/** The prefixes of comments in zone files, for data that a zone file cannot contain. */
const PREFIX: Readonly<Record<string, string>> = {
  NULL: ';',
  TKEY: ';',
  TSIG: '\n;; TSIG PSEUDOSECTION:\n; ',
};

/**
 * A record as miekg/dns's `String()` writes it, which is what blackbox_exporter's regular expressions see:
 * `name.\tTTL\tIN\tA\t1.2.3.4`. Types without a format of their own are written as in RFC 3597.
 * @throws MalformedMessageError when its data does not fit its type
 */
export function recordText(record: ResourceRecord): string {
  const type = typeText(record.type);
  if (record.type === OPT) return optText(record);
  const fields = FIELDS[type];
  const start = `${record.name}\t${record.ttl}`;
  const data = record.data();
  if (fields === undefined) {
    const size = data.left;
    return `${start}\tCLASS${record.class}\tTYPE${record.type}\t\\# ${size} ${hex(data)}`;
  }
  // records without data occur in dynamic updates and are not an error
  const parts = data.left === 0 && type !== 'TXT' ? [] : fields.map((field) => field(data));
  if (data.left > 0) throw new MalformedMessageError(`a ${type} record has more data than it should`);
  const text = parts.filter((part) => part !== undefined).join(' ');
  return `${PREFIX[type] ?? ''}${start}\t${classText(record.class)}\t${type}\t${text}`;
}

/** The pseudo-record of EDNS (RFC 6891, 6.1): options by number, their data in hexadecimal. */
function optText(record: ResourceRecord): string {
  const version = (record.ttl >>> 16) & 0xff;
  const dnssec = (record.ttl & 0x8000) === 0 ? '' : ' do';
  const data = record.data();
  const options: string[] = [];
  while (data.left > 0) {
    const code = data.u16();
    options.push(`\n; LOCAL OPT: ${code}:0x${data.bytes(data.u16()).toString('hex')}`);
  }
  const head = `; EDNS: version ${version}; flags:${dnssec}; udp: ${record.class}`;
  return `\n;; OPT PSEUDOSECTION:\n${head}${options.join('')}`;
}
