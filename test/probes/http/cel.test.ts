import { afterEach, describe, expect, it } from '@jest/globals';
import { httpProber } from '../../../src/probes/http.ts';
import { refusals, run, valueOf, verdictText } from '../../support/probe.ts';
import { ServerSet } from '../../support/server-set.ts';

const servers = new ServerSet();
afterEach(() => servers.close());

const BODY = '{"status":"ok","count":3,"list":[1,2,3],"nested":{"a":null},"ratio":0.5}';

const judged = async (settings: Readonly<Record<string, unknown>>, body = BODY) => {
  const server = await servers.http((_request, response) => response.end(body));
  return run(httpProber, server.url, { settings });
};

describe('fail_if_body_json_not_matches_cel', () => {
  it.each([
    'body.status == "ok"',
    'body.count == 3',
    'body.count > 2 && body.count <= 3',
    'body.ratio < 1',
    'size(body.list) == 3',
    'body.list.exists(x, x > 2)',
    'body.list.all(x, x >= 1)',
    'body.list[0] == 1',
    '"status" in body',
    '!has(body.nope)',
    'body.nested.a == null',
    'body.status.matches("^(ok|fine)$")',
    'body.status.startsWith("o")',
    'body["status"] == "ok"',
    'body.list.map(x, x * 2.0)[2] == 6.0',
    'body.list.filter(x, x > 1).size() == 2',
    '{"a": body.count}.a == 3',
    'type(body.count) == double',
    'body.count == 3 ? true : body.other',
  ])('%s holds', async (expression) => {
    const result = await judged({ fail_if_body_json_not_matches_cel: expression });
    expect(verdictText(result)).toBe('success');
    expect(valueOf(result, 'probe_failed_due_to_cel')).toBe(0);
  });

  it.each([
    [
      'body.status == "down"',
      BODY,
      'content: The body does not match the CEL expression "body.status == "down""',
    ],
    [
      'body.nope == 1',
      BODY,
      'content: The CEL expression "body.nope == 1" cannot be evaluated: field not found: nope',
    ],
    [
      'body.count',
      BODY,
      'content: The CEL expression "body.count" cannot be evaluated: it is neither true nor false',
    ],
    ['body.a == 1', 'no json', 'content: The body is not JSON, which the CEL expression is about'],
    ['body.a == 1', '', 'content: The body is not JSON, which the CEL expression is about'],
    [
      'true',
      `"${'x'.repeat(1_100_000)}"`,
      'content: The body has 1100002 bytes, too many for a CEL expression',
    ],
  ])('%s fails', async (expression, body, expected) => {
    const result = await judged({ fail_if_body_json_not_matches_cel: expression }, body);
    expect(verdictText(result)).toBe(expected);
    expect(valueOf(result, 'probe_failed_due_to_cel')).toBe(1);
    expect(valueOf(result, 'probe_failed_due_to_regex')).toBe(0);
  });
});

describe('fail_if_body_json_matches_cel', () => {
  it.each([
    ['body.status == "down"', 'success', 0],
    ['body.status == "ok"', 'content: The body matches the CEL expression "body.status == "ok""', 1],
  ])('%s: %s', async (expression, expected, failed) => {
    const result = await judged({ fail_if_body_json_matches_cel: expression });
    expect(verdictText(result)).toBe(expected);
    expect(valueOf(result, 'probe_failed_due_to_cel')).toBe(failed);
  });
});

it('an expression is asked after the status and the regular expressions', async () => {
  const result = await judged({
    fail_if_body_json_not_matches_cel: 'body.status == "down"',
    fail_if_body_matches_regexp: ['ok'],
  });
  expect(verdictText(result)).toBe('body: The body matches "ok"');
  expect(valueOf(result, 'probe_failed_due_to_cel')).toBe(0);
  expect(valueOf(result, 'probe_failed_due_to_regex')).toBe(1);
});

it('without an expression there is no probe_failed_due_to_cel', async () => {
  expect(valueOf(await judged({}), 'probe_failed_due_to_cel')).toBeUndefined();
});

it.each(['foo.bar', 'body.list.exists(x, y > 2)', 'body.a ==', '', '(', 'body.list.all(x)'])(
  'the expression "%s" is a configuration error',
  (expression) => {
    expect(refusals(httpProber, { fail_if_body_json_matches_cel: expression })).toEqual([
      expect.stringContaining('is not a CEL expression'),
    ]);
  },
);
