import { characterText } from './escapes.ts';
import { ipv4Text, ipv6Text, type Field } from './fields.ts';
import type { WireReader } from './reader.ts';

interface Parameter {
  readonly name: string;
  readonly value: (data: WireReader) => string;
}

const PARAMETERS: Readonly<Record<number, Parameter>> = {
  0: { name: 'mandatory', value: (data) => list(data, () => parameterName(data.u16())) },
  1: { name: 'alpn', value: (data) => list(data, () => data.string()) },
  2: { name: 'no-default-alpn', value: () => '' },
  3: { name: 'port', value: (data) => String(data.u16()) },
  4: { name: 'ipv4hint', value: (data) => list(data, () => ipv4Text(data.bytes(4))) },
  5: { name: 'ech', value: (data) => data.rest().toString('base64') },
  6: { name: 'ipv6hint', value: (data) => list(data, () => ipv6Text(data.bytes(16))) },
  7: { name: 'dohpath', value: (data) => characterText(data.rest()) },
  8: { name: 'ohttp', value: () => '' },
};

/** SVCB and HTTPS: priority, target, parameters (RFC 9460, 2.1). */
export const serviceBinding: Field = (data) => {
  const parts = [String(data.u16()), data.name()];
  while (data.left > 0) {
    const key = data.u16();
    const value = data.part(data.u16());
    const text = PARAMETERS[key]?.value(value) ?? characterText(value.rest());
    parts.push(`${parameterName(key)}="${text}"`);
  }
  return parts.join(' ');
};

function parameterName(key: number): string {
  return PARAMETERS[key]?.name ?? `key${key}`;
}

function list(data: WireReader, next: () => string): string {
  const parts: string[] = [];
  while (data.left > 0) parts.push(next());
  return parts.join(',');
}
