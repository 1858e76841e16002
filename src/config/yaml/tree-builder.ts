import {
  CORE_SCHEMA,
  EVENT_ID,
  SCALAR_STYLE,
  YAMLException,
  constructFromEvents,
  getScalarValue,
} from 'js-yaml';
import type { AliasEvent, DocumentEvent, Event, MappingEvent, ScalarEvent, SequenceEvent } from 'js-yaml';
import { brokenNode, scalarNode } from './nodes.ts';
import type { Entry, ListNode, MapNode, Scalar, ScalarNode, YamlNode } from './nodes.ts';
import { expand } from './expand.ts';
import type { Environment } from './expand.ts';
import { AliasLimits, LIMITS } from './alias-limits.ts';
import type { Path } from './path.ts';
import { binaryScalar, goAlternatives, isScalar, plainScalar, yamlBoolean } from './scalars.ts';

/** A problem in the text itself. */
export interface SourceProblem {
  readonly line?: number;
  readonly path: Path;
  readonly message: string;
}

interface TreeBuilderInput {
  readonly text: string;
  /** Undefined: blackbox_exporter's dialect, which expands nothing and has YAML 1.1's booleans. */
  readonly env: Environment | undefined;
  readonly events: readonly Event[];
  readonly lineOf: (offset: number) => number;
}

type Frame = { readonly path: Path; readonly offset: number };

/** Makes nodes from js-yaml's events, which carry offsets; its own constructor stops at the first problem. */
export class TreeBuilder {
  readonly #input: TreeBuilderInput;
  readonly #problems: SourceProblem[] = [];
  /** `undefined`: begun, but not finished. */
  readonly #anchors = new Map<string, YamlNode | undefined>();
  readonly #extent = new AliasLimits();
  #next = 0;
  #document: DocumentEvent | undefined;
  #tooLarge = false;

  constructor(input: TreeBuilderInput) {
    this.#input = input;
  }

  build(): { root: YamlNode | undefined; problems: readonly SourceProblem[] } {
    const first = this.#nextEvent();
    if (first?.type !== EVENT_ID.DOCUMENT) return { root: undefined, problems: [] };
    this.#document = first;
    const root = this.#peek()?.type === EVENT_ID.POP ? undefined : this.#node([], 0);
    this.#nextEvent();
    // blackbox_exporter reads the first document and ignores the rest
    if (this.#peek() !== undefined && this.#input.env !== undefined) this.#secondDocument(first);
    return { root: this.#tooLarge ? undefined : root, problems: this.#problems };
  }

  #secondDocument(first: DocumentEvent): void {
    const markers = [...this.#input.text.matchAll(/^(?:---|\.\.\.)(?=\s|$)/gm)];
    const marker = markers[first.explicitStart ? 1 : 0];
    this.#problem([], marker?.index ?? -1, 'a second YAML document begins here; expected one document');
  }

  #nextEvent(): Event | undefined {
    return this.#input.events[this.#next++];
  }

  #peek(): Event | undefined {
    return this.#input.events[this.#next];
  }

  #problem(path: Path, offset: number, message: string): void {
    const line = offset >= 0 ? { line: this.#input.lineOf(offset) } : {};
    this.#problems.push({ ...line, path, message });
  }

  /** Reads the next node; a node without a place of its own is reported at `around`. */
  #node(path: Path, around: number): YamlNode {
    const event = this.#nextEvent();
    switch (event?.type) {
      case EVENT_ID.SCALAR:
        return this.#anchored(event, () => this.#scalar(event, path, around));
      case EVENT_ID.SEQUENCE:
        return this.#anchored(event, () => this.#list(event, path));
      case EVENT_ID.MAPPING:
        return this.#anchored(event, () => this.#map(event, path));
      case EVENT_ID.ALIAS:
        return this.#alias(event, path);
      default:
        throw new Error('js-yaml gave an event where a node was expected');
    }
  }

  #anchored(event: ScalarEvent | SequenceEvent | MappingEvent, read: () => YamlNode): YamlNode {
    if (event.anchorStart < 0) return read();
    const name = this.#input.text.slice(event.anchorStart, event.anchorEnd);
    this.#anchors.set(name, undefined);
    const node = read();
    this.#anchors.set(name, node);
    return node;
  }

  #alias(event: AliasEvent, path: Path): YamlNode {
    const name = this.#input.text.slice(event.anchorStart, event.anchorEnd);
    const node = this.#anchors.get(name);
    if (node !== undefined) return node;
    const why = this.#anchors.has(name)
      ? `"*${name}" is inside its own anchor`
      : `no anchor "&${name}" before it`;
    this.#problem(path, event.anchorStart, `the alias "*${name}" cannot be resolved: ${why}`);
    return brokenNode(event.anchorStart);
  }

  #scalar(event: ScalarEvent, path: Path, around: number): ScalarNode {
    const offset = event.valueStart;
    const written = getScalarValue(this.#input.text, event);
    if (this.#input.env === undefined) return this.#asGo(event, written, path);
    const { text, problems, whole } = expand(written, this.#input.env);
    for (const problem of problems) this.#problem(path, offset < 0 ? around : offset, problem);
    const value = this.#value(event, written, path);
    if (problems.length > 0 || value === undefined) return brokenNode(offset);
    if (text === written) return scalarNode(offset, value, value === null ? [undefined] : []);
    const meant = whole ? plainScalar(text) : text;
    return scalarNode(offset, text, typeof meant === 'number' || typeof meant === 'boolean' ? [meant] : []);
  }

  #asGo(event: ScalarEvent, written: string, path: Path): ScalarNode {
    const value = this.#value(event, written, path);
    if (value === undefined) return brokenNode(event.valueStart);
    const plain = event.tagStart < 0 && event.style === SCALAR_STYLE.PLAIN;
    const alternatives = plain ? goAlternatives(value, written) : yamlBoolean(value);
    return scalarNode(event.valueStart, value, alternatives);
  }

  /** The value of a scalar as written; undefined when its tag is unknown. */
  #value(event: ScalarEvent, text: string, path: Path): Scalar | undefined {
    if (event.tagStart < 0) return event.style === SCALAR_STYLE.PLAIN ? plainScalar(text) : text;
    if (this.#input.text.slice(event.tagStart, event.tagEnd) === '!!binary') {
      const bytes = binaryScalar(text);
      if (bytes === undefined) this.#problem(path, event.tagStart, 'the text of a !!binary must be base64');
      return bytes;
    }
    const constructed = this.#tagged(event, path);
    if (constructed === undefined) return undefined;
    const [value] = constructed;
    if (isScalar(value)) return value;
    this.#problem(path, event.tagStart, 'a tag for an empty list or mapping; leave the tag out');
    return undefined;
  }

  /** Has js-yaml resolve an explicit tag (`!!str 5`), on this node alone. */
  #tagged(event: ScalarEvent | SequenceEvent | MappingEvent, path: Path): readonly unknown[] | undefined {
    const pop = { type: EVENT_ID.POP };
    const closing = event.type === EVENT_ID.SCALAR ? [pop] : [pop, pop];
    const events = [...(this.#document === undefined ? [] : [this.#document]), event, ...closing];
    try {
      return constructFromEvents(events, { source: this.#input.text, schema: CORE_SCHEMA });
    } catch (error) {
      const reason = error instanceof YAMLException ? error.reason : String(error);
      this.#problem(path, event.tagStart, `${reason}; leave the tag out`);
      return undefined;
    }
  }

  #list(event: SequenceEvent, path: Path): ListNode {
    if (event.tagStart >= 0) this.#tagged(event, path);
    const items: YamlNode[] = [];
    while (this.#peek()?.type !== EVENT_ID.POP) {
      const item = this.#node([...path, items.length], event.start);
      // to Go it is an item without content: a step that does nothing, a text that matches nothing; claims are
      // free-form data
      const typed = this.#input.env === undefined && !path.includes('claims');
      const empty = typed && item.kind === 'scalar' && item.value === null;
      if (!empty) items.push(item);
    }
    this.#nextEvent();
    return this.#measured({ kind: 'list', offset: event.start, items }, items, path);
  }

  #map(event: MappingEvent, path: Path): MapNode {
    if (event.tagStart >= 0) this.#tagged(event, path);
    const entries = new Map<string, Entry>();
    const merged: Entry[] = [];
    while (this.#peek()?.type !== EVENT_ID.POP) this.#pair({ path, offset: event.start }, entries, merged);
    this.#nextEvent();
    for (const source of merged) this.#merge(source, entries, path);
    const values = [...entries.values()].map((entry) => entry.value);
    return this.#measured({ kind: 'map', offset: event.start, entries }, values, path);
  }

  #pair({ path, offset }: Frame, entries: Map<string, Entry>, merged: Entry[]): void {
    const event = this.#peek();
    const key = event?.type === EVENT_ID.SCALAR ? this.#key(event, offset) : undefined;
    if (key === undefined) {
      const around = event !== undefined && 'start' in event ? event.start : offset;
      this.#problem(path, around, 'a key must be plain text, not a list, a mapping or an alias');
      this.#node(path, around);
      this.#node(path, around);
      return;
    }
    const entry = { keyOffset: key.offset, value: this.#node([...path, key.name], key.offset) };
    const first = entries.get(key.name);
    if (key.merge) merged.push(entry);
    else if (key.name === '__proto__')
      this.#problem([...path, key.name], key.offset, 'unknown key "__proto__"; remove it');
    else if (first !== undefined) this.#duplicate([...path, key.name], key.offset, first);
    else entries.set(key.name, entry);
  }

  #key(event: ScalarEvent, around: number): { name: string; offset: number; merge: boolean } {
    this.#nextEvent();
    const name = getScalarValue(this.#input.text, event);
    const offset = event.valueStart >= 0 ? event.valueStart : around;
    if (event.anchorStart >= 0) {
      const anchor = this.#input.text.slice(event.anchorStart, event.anchorEnd);
      this.#anchors.set(anchor, scalarNode(offset, name));
    }
    return { name, offset, merge: name === '<<' && event.style === SCALAR_STYLE.PLAIN && event.tagStart < 0 };
  }

  #duplicate(path: Path, offset: number, first: Entry): void {
    const line = this.#input.lineOf(first.keyOffset);
    this.#problem(
      path,
      offset,
      `the key "${String(path.at(-1))}" is duplicated, first in line ${line}; remove one`,
    );
  }

  /** `<<`: adds the entries that the mapping does not have itself; the first of several sources wins. */
  #merge({ keyOffset, value }: Entry, entries: Map<string, Entry>, path: Path): void {
    const sources = value.kind === 'list' ? value.items : [value];
    for (const source of sources) {
      if (source.kind === 'map') {
        for (const [key, entry] of source.entries) if (!entries.has(key)) entries.set(key, entry);
      } else if (source.kind !== 'scalar' || !source.broken) {
        this.#problem([...path, '<<'], keyOffset, 'expected a mapping, an alias of one, or a list of these');
      }
    }
  }

  /** Reports, once, when aliases make a collection larger than any real configuration. */
  #measured<Node extends ListNode | MapNode>(node: Node, children: readonly YamlNode[], path: Path): Node {
    if (!this.#extent.add(node, children) && !this.#tooLarge) {
      this.#tooLarge = true;
      this.#problem(path, node.offset, `aliases make this larger than the limit of ${LIMITS}`);
    }
    return node;
  }
}
