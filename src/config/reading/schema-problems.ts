import type { z } from 'zod';
import { unsupportedBlackboxKey } from '../modules/unsupported-blackbox-keys.ts';
import { keysAt } from '../schema/describe-keys.ts';
import { suggest } from './nearest.ts';
import type { Path } from '../yaml/path.ts';

/** A problem at a place in the document. */
export interface SchemaProblem {
  readonly path: Path;
  readonly message: string;
  /** Whether the key or its value is wrong. */
  readonly at: 'key' | 'value';
  /** The value is of the wrong kind, such as a text instead of a number. */
  readonly mismatch?: boolean;
  /** The value is valid, but what it asks for cannot be done here: zod's `params: { unsupported: true }`. */
  readonly unsupported?: boolean;
}

type Issue = z.core.$ZodIssue;

/** Zod's issues as findings, one for each mistake: unknown keys one by one, unions by the branch that was meant. */
export function schemaProblems(schema: z.core.$ZodType, issues: readonly Issue[]): SchemaProblem[] {
  return issues.flatMap((issue) => problemsOf(issue, [], (path) => keysAt(schema, path)));
}

/** The message for a key that the mapping does not have. */
export function unknownKey(key: string, valid: readonly string[]): string {
  return `unknown key "${key}"; ${suggest(key, valid, 'valid keys')}`;
}

function problemsOf(issue: Issue, base: Path, keys: (path: Path) => string[]): SchemaProblem[] {
  const path = [
    ...base,
    ...issue.path.map((segment) => (typeof segment === 'symbol' ? String(segment) : segment)),
  ];
  switch (issue.code) {
    case 'unrecognized_keys': {
      const valid = keys(path);
      return issue.keys.map((key) => {
        const foreign = unsupportedBlackboxKey(key);
        const message = foreign ?? unknownKey(key, valid);
        return { path: [...path, key], message, at: 'key', ...(foreign && { unsupported: true }) };
      });
    }
    case 'invalid_union': {
      const meant = likeliestBranch(issue.errors);
      return (
        meant?.flatMap((inner) => problemsOf(inner, path, keys)) ?? [
          { path, message: issue.message, at: 'value', mismatch: true },
        ]
      );
    }
    case 'invalid_key':
      return issue.issues.map((inner) => ({ path, message: inner.message, at: 'key' }));
    case 'custom': {
      const unsupported = issue.params?.['unsupported'] === true;
      return [{ path, message: issue.message, at: 'value', ...(unsupported && { unsupported }) }];
    }
    case 'invalid_type':
    case 'invalid_value':
      return [{ path, message: issue.message, at: 'value', mismatch: true }];
    default:
      return [{ path, message: issue.message, at: 'value' }];
  }
}

/** The only branch of a union whose type fits the value: its findings are the ones the user needs. */
function likeliestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const fitting = branches.filter((issues) => !issues.some(isMismatch));
  return fitting.length === 1 ? fitting[0] : undefined;
}

function isMismatch(issue: Issue): boolean {
  return issue.path.length === 0 && ['invalid_type', 'invalid_value', 'invalid_union'].includes(issue.code);
}
