/** The environment of the process, or a replacement for it. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface Expansion {
  readonly text: string;
  /** What could not be expanded, as sentences; empty when everything was. */
  readonly problems: readonly string[];
  /** The text was one `${…}` and nothing else. */
  readonly whole: boolean;
}

const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g;
const BODY = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;
const HOW = 'write ${NAME} or ${NAME:-default}, and $${ for a plain ${';

/**
 * Replaces `${NAME}` and `${NAME:-default}` (as a shell does: the default also replaces an empty variable); `$${` is a
 * literal `${`. Values are inserted as they are, without further expansion.
 */
export function expand(text: string, env: Environment): Expansion {
  const problems: string[] = [];
  let references = 0;
  const expanded = text.replace(REFERENCE, (match: string, body?: string, end?: string) => {
    if (body === undefined) return '${';
    references += 1;
    if (end === '') problems.push(`"\${" is never closed; ${HOW}`);
    else if (body.includes('${')) problems.push(`"${match}" has a "\${" inside another; ${HOW}`);
    else return lookUp(body, env, problems);
    return '';
  });
  return { text: expanded, problems, whole: references === 1 && /^\$\{[^}]*\}$/.test(text) };
}

function lookUp(body: string, env: Environment, problems: string[]): string {
  const [, name, fallback] = BODY.exec(body) ?? [];
  if (name === undefined) {
    problems.push(`"\${${body}}" does not name an environment variable; ${HOW}`);
    return '';
  }
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
  if (value !== undefined) return value;
  problems.push(
    `the environment variable ${name} is not set; set it, or give a default: \${${name}:-default}`,
  );
  return '';
}
