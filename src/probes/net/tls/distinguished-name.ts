/** One element of DER (X.690): its tag, and the position of its content. */
interface Element {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

interface Attribute {
  readonly oid: string;
  readonly value: string;
}

/** Names that Go prints, in the order in which it prints them: the reverse of `pkix.Name.ToRDNSequence`. */
const NAMED: readonly (readonly [oid: string, name: string])[] = [
  ['2.5.4.5', 'SERIALNUMBER'],
  ['2.5.4.3', 'CN'],
  ['2.5.4.11', 'OU'],
  ['2.5.4.10', 'O'],
  ['2.5.4.17', 'POSTALCODE'],
  ['2.5.4.9', 'STREET'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.6', 'C'],
];
const NAMED_OIDS: ReadonlySet<string> = new Set(NAMED.map(([oid]) => oid));
/** Go keeps only the last of several of these, and all of the others. */
const SINGLE: ReadonlySet<string> = new Set(['2.5.4.3', '2.5.4.5']);

/**
 * Subject and issuer of a certificate as Go's `pkix.Name.String()` writes them, which blackbox_exporter exports.
 * @param der the certificate, DER (RFC 5280, 4.1)
 * @throws RangeError when it is not a certificate
 */
export function certificateNames(der: Uint8Array): { readonly issuer: string; readonly subject: string } {
  const [certificate] = children(der, { tag: 0, start: 0, end: der.length });
  const [tbs] = children(der, required(certificate));
  const fields = children(der, required(tbs));
  // version [0] is absent in version 1 certificates
  const first = fields[0]?.tag === 0xa0 ? 1 : 0;
  return {
    issuer: goName(attributes(der, required(fields[first + 2]))),
    subject: goName(attributes(der, required(fields[first + 4]))),
  };
}

function required(element: Element | undefined): Element {
  if (element === undefined) throw new RangeError('not a DER certificate');
  return element;
}

function children(der: Uint8Array, parent: Element): Element[] {
  const found: Element[] = [];
  for (let at = parent.start; at < parent.end;) {
    const element = elementAt(der, at);
    if (element.end > parent.end)
      throw new RangeError('not a DER certificate: an element is longer than its parent');
    found.push(element);
    at = element.end;
  }
  return found;
}

function elementAt(der: Uint8Array, at: number): Element {
  const tag = der[at] ?? 0;
  const first = der[at + 1] ?? 0;
  if (first < 0x80) return { tag, start: at + 2, end: at + 2 + first };
  const count = first & 0x7f;
  let length = 0;
  for (let i = 0; i < count; i += 1) length = length * 256 + (der[at + 2 + i] ?? 0);
  const start = at + 2 + count;
  return { tag, start, end: start + length };
}

function attributes(der: Uint8Array, name: Element): Attribute[] {
  return children(der, name).flatMap((set) =>
    children(der, set).map((pair) => {
      const [type, value] = children(der, pair);
      return { oid: oidText(der, required(type)), value: valueText(der, required(value)) };
    }),
  );
}

function oidText(der: Uint8Array, { start, end }: Element): string {
  const parts: number[] = [];
  let part = 0;
  for (const byte of der.subarray(start, end)) {
    part = part * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    if (parts.length === 0) {
      const root = Math.min(2, Math.floor(part / 40));
      parts.push(root, part - root * 40);
    } else {
      parts.push(part);
    }
    part = 0;
  }
  return parts.join('.');
}

function valueText(der: Uint8Array, { tag, start, end }: Element): string {
  const bytes = Buffer.from(der.subarray(start, end));
  // BMPString is UTF-16BE; the others are UTF-8 or a subset, except the obsolete T61String
  return tag === 0x1e ? bytes.swap16().toString('utf16le') : bytes.toString(tag === 0x14 ? 'latin1' : 'utf8');
}

function goName(all: readonly Attribute[]): string {
  const named = NAMED.flatMap(([oid, name]) => {
    const values = all.filter((attribute) => attribute.oid === oid);
    const kept = SINGLE.has(oid) ? values.slice(-1) : values;
    return kept.length === 0 ? [] : [kept.map(({ value }) => `${name}=${escape(value)}`).join('+')];
  });
  const others = all
    .filter(({ oid }) => !NAMED_OIDS.has(oid))
    .map(({ oid, value }) => `${oid}=${escape(value)}`);
  return [...named, ...others.reverse()].join(',');
}

/** @see https://www.rfc-editor.org/rfc/rfc2253#section-2.4 */
function escape(value: string): string {
  return value.replace(/[,+"\\<>;]|^[ #]|(?<=.) $/g, '\\$&');
}
