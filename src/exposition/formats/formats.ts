import type { Escaping } from '../table/name-escaping.ts';
import { familyHeader, ProtobufBlockWriter } from './protobuf-blocks.ts';
import type { BlockWriter } from '../render/block-cache.ts';
import type { FamilySnapshot } from '../table/series-table.ts';
import { renderHeader } from './text-lines.ts';
import { TextWriter } from './text-blocks.ts';

export type FormatName = 'text' | 'openmetrics' | 'protobuf';

/** A negotiated format. */
export interface FormatChoice {
  readonly name: FormatName;
  readonly escaping: Escaping;
}

/** Writes whole expositions in one format. */
export interface ExpositionFormat {
  readonly blocks: BlockWriter;
  /** Whether the header of a family depends on the length of its blocks. */
  readonly sized: boolean;
  /** The header of a family. @param bytes length of its blocks, used only where `sized` */
  header(family: FamilySnapshot, bytes: number): Buffer;
  /** The end marker of an exposition. */
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
