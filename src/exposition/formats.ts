import type { Escaping } from './names.ts';
import { familyHeader, ProtobufBlockWriter } from './protobuf-writer.ts';
import type { BlockWriter } from './rendered.ts';
import type { FamilySnapshot } from './table.ts';
import { renderHeader } from './text-lines.ts';
import { TextWriter } from './text-writer.ts';

export type FormatName = 'text' | 'openmetrics' | 'protobuf';

/** What an exposition is written in. */
export interface FormatChoice {
  readonly name: FormatName;
  readonly escaping: Escaping;
}

/** How whole expositions are written. */
export interface ExpositionFormat {
  readonly blocks: BlockWriter;
  /** Whether what begins a family depends on how long it is. */
  readonly sized: boolean;
  /** What begins a family. @param bytes that its blocks take, where that matters */
  header(family: FamilySnapshot, bytes: number): Buffer;
  /** What ends an exposition. */
  readonly end: Buffer | undefined;
}

/** @param native whether histograms carry their native form where the format has one */
export function createFormat({ name, escaping }: FormatChoice, native: boolean): ExpositionFormat {
  if (name === 'protobuf') {
    return {
      blocks: new ProtobufBlockWriter({ escaping, native }),
      sized: true,
      header: (family, bytes) => familyHeader(family, bytes, escaping),
      end: undefined,
    };
  }
  const dialect = { openMetrics: name === 'openmetrics', escaping };
  return {
    blocks: new TextWriter(dialect),
    sized: false,
    header: (family) => Buffer.from(renderHeader(family, dialect), 'utf8'),
    end: dialect.openMetrics ? Buffer.from('# EOF\n') : undefined,
  };
}
