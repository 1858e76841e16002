import { YAMLException, parseEvents } from 'js-yaml';
import type { Event } from 'js-yaml';
import { lineIndex, toData } from './nodes.ts';
import type { YamlNode } from './nodes.ts';
import type { Environment } from './expand.ts';
import { MAX_DEPTH } from './alias-limits.ts';
import { TreeBuilder } from './tree-builder.ts';
import type { SourceProblem } from './tree-builder.ts';

export interface ParsedYaml {
  /** Undefined when the document is empty or is not YAML. */
  readonly root: YamlNode | undefined;
  readonly problems: readonly SourceProblem[];
  /** False when the text could not be parsed, so that nothing is known of its content. */
  readonly readable: boolean;
  readonly lineOf: (offset: number) => number;
}

/**
 * Parses one YAML 1.2 document (core schema, with merge keys), expands `${…}` in its values, and keeps the place of
 * each. Never throws: problems are reported, and reading continues.
 */
export function parseYaml(text: string, env: Environment): ParsedYaml {
  return parse(text, env);
}

/** The same in the dialect of blackbox_exporter's file: nothing is expanded, and `yes` may be a boolean. */
export function parseBlackboxYaml(text: string): ParsedYaml {
  return parse(text, undefined);
}

/**
 * The plain data of a YAML document that is not Tocsin's configuration, as Go's YAML reads it; undefined when it has a
 * problem.
 */
export function readPlainYaml(text: string): unknown {
  const { root, problems } = parseBlackboxYaml(text);
  return root === undefined || problems.length > 0 ? undefined : toData(root, new Set());
}

function parse(text: string, env: Environment | undefined): ParsedYaml {
  const lineOf = lineIndex(text);
  let events: Event[];
  try {
    events = parseEvents(text, { maxDepth: MAX_DEPTH });
  } catch (error) {
    return { root: undefined, problems: [syntaxProblem(text, error)], readable: false, lineOf };
  }
  return { ...new TreeBuilder({ text, env, events, lineOf }).build(), readable: true, lineOf };
}

function syntaxProblem(text: string, error: unknown): SourceProblem {
  const reason = error instanceof YAMLException ? error.reason : String(error);
  const mark = error instanceof YAMLException ? error.mark : undefined;
  if (mark === undefined) return { path: [], message: `not valid YAML: ${reason}` };
  const line = text.split(/\r\n|\n|\r/)[mark.line] ?? '';
  const hint =
    reason.includes('flow') && line.includes('${') ? '; inside [ ] or { } a "${NAME}" needs quotes' : '';
  return {
    line: mark.line + 1,
    path: [],
    message: `not valid YAML: ${reason} (column ${mark.column + 1})${hint}`,
  };
}
