import { dump } from 'js-yaml';
import { toData } from './document.ts';
import type { YamlNode } from './document.ts';
import type { Environment } from './expand.ts';
import type { ProbeModule } from '../../probes/module.ts';
import { masked } from '../masking.ts';
import { parseYaml } from './yaml.ts';

/** A part of a document as YAML, secrets masked; an empty text for an empty document. */
export function shownNode(node: YamlNode | undefined): string {
  if (node === undefined) return '';
  return dump(masked(toData(node, new Set())), { noRefs: true, lineWidth: 120 });
}

/** A configuration and its modules as two YAML documents, secrets masked; variables stay `${NAME}`. */
export function shownConfiguration(text: string, modules: ReadonlyMap<string, ProbeModule>): string {
  const entries = [...modules].map(([name, { shown }]) => {
    const body = shown().replace(/^(?=.)/gm, '    ');
    return `  ${JSON.stringify(name)}:\n${body}`;
  });
  return `${shownDocument(text)}---\nmodules:\n${entries.join('')}`;
}

function shownDocument(text: string): string {
  return shownNode(parseYaml(text, ownNames(text)).root);
}

/** An environment in which every variable that a text names holds its own reference. */
function ownNames(text: string): Environment {
  const names = [...text.matchAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)/g)].map(([, name = '']) => name);
  return Object.fromEntries(names.map((name) => [name, `\${${name}}`]));
}
