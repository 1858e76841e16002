import { printable } from '../../domain/printable.ts';
import type { ConfigProblem } from './problem.ts';

/**
 * Problems as text for a terminal, one line each and a closing count:
 * `tocsin.yml:12: services[0].http.metod: unknown key "metod"; did you mean "method"?`
 */
export function formatProblems(problems: readonly ConfigProblem[]): string {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  return [...problems.map(formatProblem), `${count} in the configuration`].join('\n');
}

/** One problem on one line: file, line, path, message. */
export function formatProblem({ file, line, path, message }: ConfigProblem): string {
  const place = line === undefined ? file : `${file}:${line}`;
  // values may hold line breaks and escape sequences: one line must stay one line
  const text = [place, ...(path === '' ? [] : [path]), message].join(': ');
  return printable(text.replace(/\s*[\r\n]+\s*/g, ' '));
}
