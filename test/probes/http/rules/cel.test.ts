import { afterEach, describe, expect, it } from '@jest/globals';
import { httpProber } from '../../../../src/probes/http.ts';
import { loadedByBlackbox } from '../../../support/differential/modules/config-check.ts';
import { describeWithPeers } from '../../../support/processes/peers.ts';
import { refusals, run, valueOf, verdictText } from '../../../support/probes/probe.ts';
import { ServerSet } from '../../../support/servers/server-set.ts';

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
    'matches(body.status, "^(ok|fine)$")',
    'body.count == 3 // as many as there are',
    'body.count == 3 && // as many as there are\nbody.status == "ok"',
    'body.status != "a//b" && body.status != r"c\\" // "',
    "body.status != '''a''//'''",
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
    ['body.a == 1', 'no json', 'content: The body is not JSON, which the CEL expression needs'],
    ['body.a == 1', '', 'content: The body is not JSON, which the CEL expression needs'],
    [
      'true',
      `"${'x'.repeat(1_100_000)}"`,
      'content: The body has 1100002 bytes, of which the rules see the first 1048576 (body_match_limit): the CEL expression needs the whole body',
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

it('evaluates an expression after the status and the regular expressions', async () => {
  const result = await judged({
    fail_if_body_json_not_matches_cel: 'body.status == "down"',
    fail_if_body_matches_regexp: ['ok'],
  });
  expect(verdictText(result)).toBe('body: The body matches "ok"');
  expect(valueOf(result, 'probe_failed_due_to_cel')).toBe(0);
  expect(valueOf(result, 'probe_failed_due_to_regex')).toBe(1);
});

it('exposes no probe_failed_due_to_cel without an expression', async () => {
  expect(valueOf(await judged({}), 'probe_failed_due_to_cel')).toBeUndefined();
});

/** Each with the outcome in blackbox_exporter 0.28 when it loads the module. */
const EXPRESSIONS: readonly (readonly [expression: string, there: 'loaded' | 'refused'])[] = [
  ...[
    ...[
      'matches(body.status, "ok")',
      'body.n == 5 // comment',
      'body.n.matches("5")',
      'string(body.n) == "5"',
    ],
    ...[
      'dyn(body).n == 5',
      '[1, 2].exists_one(x, x == 1)',
      'type(body.n) == int',
      'body.n > 4.5',
      'size(body)',
    ],
    ...['timestamp("2020-01-01T00:00:00Z").getFullYear() == 2020', '1', 'body', 'body.getFullYear()'],
    ...['google.protobuf.Timestamp{seconds: 1} == body', 'body.x.y.z', 'body[0]', '!body', 'body == null'],
    ...['body.a.map(x, x, x)', 'body.exists_one(x, true)', 'int("a") == 1', 'bytes("a") == b"a"'],
    ...['duration("1s") > duration("2s")', 'body.a in [1]', 'type(1) == type', '[1, "a"] == body'],
    ...['{"a": 1}.a == 1', '{"a": 1}.b', 'body.getSeconds() == 1', 'null_type', 'bool(body)'],
    ...['body.a.filter(x, x.b > 1).size() > 0', 'body.a.all(x, x.b.startsWith("c"))', '-body.n < 0'],
    ...['body.a.exists(x, x == "b" || x == 2)', 'has(body.a) ? body.a : false', 'body.a + "b" == "ab"'],
  ].map((text) => [text, 'loaded'] as const),
  ...[
    ...['foo(body.a)', 'body.a.foo()', 'contains(body.status, "o")', 'body.status.lowerAscii() == "ok"'],
    ...['math.abs(1) == 1', '1 + "a" == 2', 'cel.bind(x, 1, x == 1)', 'optional.of(1) == 1', 'has(body)'],
    ...['body.?a.orValue(1) == 1', 'matches(body.status)', 'startsWith(body.status, "o")', '"a" > 1', '!1'],
    ...[
      'body.a.size(1)',
      'size(1)',
      'other == 1',
      'body.a.all(x, y)',
      'body.a.join(",") == "a"',
      '-"a" == 1',
    ],
    ...['1 ? true : false', 'true ? 1 : "a"', 'uint(1) + 1 == 2', 'now() > 1', '1 in 2', '1.a', '"a".b'],
    ...[
      'strings.quote("a")',
      'list(1)',
      'double(1) == 1',
      'body.a.transformList(i, x, x)',
      'getSeconds(body)',
    ],
    ...[
      'size("a") > 1 || "a"',
      'matches(1, "a")',
      'body.int()',
      'body.in',
      'foo.bar',
      '(',
      '',
      ' ',
      'body.a ==',
    ],
    ...['body.list.exists(x, y > 2)', 'body.list.all(x)', 'body.matches("a") == "a"'],
  ].map((text) => [text, 'refused'] as const),
];

it.each(EXPRESSIONS)('the expression "%s" is %s', (expression, there) => {
  expect(refusals(httpProber, { fail_if_body_json_matches_cel: expression })).toEqual(
    there === 'loaded' ? [] : [expect.stringContaining('is not a CEL expression')],
  );
});

describeWithPeers(['blackbox_exporter'], 'blackbox_exporter', () => {
  it('loads and refuses the same expressions', async () => {
    const modules = EXPRESSIONS.map(([expression]) => ({
      m: { prober: 'http', http: { fail_if_body_json_matches_cel: expression } },
    }));
    const loads = await loadedByBlackbox(modules);
    expect(EXPRESSIONS.map(([text], i) => [text, loads[i] === true ? 'loaded' : 'refused'])).toEqual(
      EXPRESSIONS,
    );
  });
});
