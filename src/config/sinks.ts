import { uniqueName } from './access.ts';
import type { Reader } from './reader.ts';
import type { ConfigSchemas } from './schemas.ts';
import type { SinkConfig } from './types.ts';

const KINDS = ['redis', 'http', 'log'] as const;

/** Reads `sinks`; undefined when one of them is wrong. */
export function readSinks(reader: Reader, schemas: ConfigSchemas): readonly SinkConfig[] | undefined {
  const names = new Set<string>();
  const sinks = reader.items(['sinks']).map((path): SinkConfig | undefined => {
    const { whole, partial } = reader.section(schemas.sink, path);
    uniqueName(reader, path, partial.name, names);
    const given = KINDS.filter((kind) => reader.has([...path, kind]));
    if (given.length !== 1) {
      const what = given.length === 0 ? 'nowhere to send events to' : given.join(' and ');
      reader.report(path, `${what}; expected exactly one of ${KINDS.join(', ')}`);
    }
    const to = whole?.redis ?? whole?.http ?? (whole?.log && { type: 'log' as const });
    return whole === undefined || to === undefined || given.length !== 1
      ? undefined
      : { name: whole.name, to };
  });
  const whole = sinks.filter((sink) => sink !== undefined);
  return whole.length === sinks.length ? whole : undefined;
}
