import { dump } from 'js-yaml';
import { toData } from './nodes.ts';
import type { YamlNode } from './nodes.ts';
import type { Environment } from './expand.ts';
import type { ProbeModule } from '../../probes/module.ts';
import { masked } from '../masking.ts';
import { parseYaml } from './yaml.ts';

/** A part of a document as YAML, secrets masked; an empty text for an empty document. */
export function redactedNode(node: YamlNode | undefined): string {
  if (node === undefined) return '';
  return dump(masked(toData(node, new Set())), { noRefs: true, lineWidth: 120 });
}

/** A configuration and its modules as two YAML documents, secrets masked; variables stay `${NAME}`. */
export function redactedConfiguration(text: string, modules: ReadonlyMap<string, ProbeModule>): string {
  const entries = [...modules].map(([name, { redacted }]) => {
    const body = redacted().replace(/^(?=.)/gm, '    ');
    return `  ${JSON.stringify(name)}:\n${body}`;
  });
  return `${redactedDocument(text)}---\nmodules:\n${entries.join('')}`;
}

function redactedDocument(text: string): string {
  return redactedNode(parseYaml(text, variableNames(text)).root);
}

/** An environment in which every variable that a text names holds its own reference. */
function variableNames(text: string): Environment {
  const names = [...text.matchAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)/g)].map(([, name = '']) => name);
  return Object.fromEntries(names.map((name) => [name, `\${${name}}`]));
}
