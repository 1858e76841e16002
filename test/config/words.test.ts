import { describe, expect, it } from '@jest/globals';
import { nearest, suggest } from '../../src/config/reading/nearest.ts';
import { formatPath } from '../../src/config/yaml/path.ts';
import { formatProblem, formatProblems } from '../../src/config/reading/format-problems.ts';

describe('nearest', () => {
  const keys = ['method', 'headers', 'max_connections', 'tls', 'name'];
  const words: readonly (readonly [string, string | undefined])[] = [
    ['metod', 'method'],
    ['methodd', 'method'],
    ['mehtod', 'method'],
    ['Method', 'method'],
    ['maxConnections', 'max_connections'],
    ['max-conections', 'max_connections'],
    ['header', 'headers'],
    ['tsl', 'tls'],
    ['kafka', undefined],
    ['', undefined],
    ['x'.repeat(100_000), undefined],
  ];
  it.each(words)('of %.20s is %s', (word, expected) => {
    expect(nearest(word, keys)).toBe(expected);
  });

  it('picks the closest of several', () => {
    expect(nearest('hosts', ['host', 'hosts_', 'horst'])).toBe('hosts_');
  });

  it('suggests the nearest, else all of them', () => {
    expect(suggest('nam', keys, 'keys')).toBe('did you mean "name"?');
    expect(suggest('zzz', ['b', 'a'], 'keys')).toBe('keys: a, b');
    expect(suggest('zzz', [], 'keys')).toBe('there are no keys');
  });
});

describe('formatPath', () => {
  it('writes keys and indexes in the usual notation', () => {
    expect(formatPath(['services', 2, 'http', 'method'])).toBe('services[2].http.method');
    expect(formatPath(['labels', 'a b'])).toBe('labels["a b"]');
    expect(formatPath([])).toBe('');
  });
});

describe('formatProblems', () => {
  const problem = { file: 'tocsin.yml', line: 12, path: 'a.b', message: 'wrong' };

  it('writes one line per problem, and a count', () => {
    const whole = { file: 'tocsin.yml', path: '', message: 'unreadable' };
    expect(formatProblems([problem, whole])).toBe(
      'tocsin.yml:12: a.b: wrong\ntocsin.yml: unreadable\n2 problems in the configuration',
    );
    expect(formatProblems([problem])).toMatch(/\n1 problem in the configuration$/);
  });

  it('keeps each problem on one line, without control characters', () => {
    expect(formatProblem({ ...problem, message: 'a\r\nb\u001b[31m' })).toBe(
      'tocsin.yml:12: a.b: a b\\u001b[31m',
    );
  });
});
