import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseAlertList } from '../../src/alerts/parse-alert-list.ts';

const FINGERPRINT = '00000000000000aa';
const alert = {
  fingerprint: FINGERPRINT,
  startsAt: '2026-01-01T00:00:00.5Z',
  labels: { alertname: 'Down' },
  receivers: [{ name: 'tocsin' }, { name: 'slack' }, {}],
  status: { state: 'suppressed', silencedBy: ['x'], inhibitedBy: ['y'], mutedBy: [] },
};
const ACTIVE = { silencedBy: [], inhibitedBy: [], mutedBy: [] };
const OURS = new Set(['tocsin', 'tocsin-night']);
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));
const parse = (value: unknown, groups?: unknown) =>
  parseAlertList({ body: bytes(value), groups: groups === undefined ? undefined : bytes(groups) }, OURS);

describe('parseListing', () => {
  it('reads an alert, which of our receivers it goes to, and why no one is notified', () => {
    expect(parse([alert])).toEqual({
      ok: true,
      alerts: [
        {
          fingerprint: FINGERPRINT,
          alertname: 'Down',
          suppressed: 'silenced',
          receivers: ['tocsin'],
          startsAt: BigInt(Date.parse('2026-01-01T00:00:00.5Z')) * 1_000_000n,
        },
      ],
    });
    const status = { silencedBy: [], inhibitedBy: ['y'] };
    expect(parse([{ ...alert, status }])).toMatchObject({ alerts: [{ suppressed: 'inhibited' }] });
    expect(parse([])).toEqual({ ok: true, alerts: [] });
  });

  describe('with groups, which show time intervals', () => {
    const two = { ...alert, status: ACTIVE, receivers: [{ name: 'tocsin' }, { name: 'tocsin-night' }] };
    const group = (receiver: string, mutedBy: readonly string[] | undefined) => ({
      receiver: { name: receiver },
      alerts: [{ fingerprint: FINGERPRINT, status: { ...ACTIVE, mutedBy } }],
    });

    it.each([
      ['sent on both routes', [[], []], ['tocsin', 'tocsin-night'], undefined],
      ['muted on one', [['night'], []], ['tocsin-night'], undefined],
      ['muted on both', [['night'], ['night']], [], 'muted'],
      ['of an Alertmanager that does not show it', [undefined, undefined], [], undefined],
    ] as const)('reads an alert %s', (_what, [first, second], receivers, suppressed) => {
      const groups = [group('tocsin', first), group('tocsin-night', second)];
      expect(parse([two], groups)).toMatchObject({ alerts: [{ receivers, suppressed }] });
    });

    it('reads an alert that is muted only for other receivers', () => {
      const one = { ...alert, status: ACTIVE };
      const groups = [group('slack', ['night']), group('tocsin', [])];
      expect(parse([one], groups)).toMatchObject({
        alerts: [{ receivers: ['tocsin'], suppressed: undefined }],
      });
    });

    it('reports groups that cannot be read', () => {
      for (const groups of [{}, [{}], [{ receiver: {}, alerts: [{}] }], [{ alerts: [1] }]])
        expect(parse([two], groups)).toMatchObject({
          detail: expect.stringContaining('groups cannot be read'),
        });
    });
  });

  it.each([
    ['a value that is not a list', {}, 'is not a JSON array'],
    ['an alert without a fingerprint', [alert, { status: {} }], '/1 is not an alert'],
    ['an alert without a status', [{ fingerprint: alert.fingerprint }], '/0 is not an alert'],
  ])('refuses %s', (_what, value, why) => {
    expect(parse(value)).toEqual({ ok: false, detail: expect.stringContaining(why) });
  });

  it('never throws', () => {
    expect(parseAlertList({ body: Buffer.from('<html>') }, OURS)).toMatchObject({ ok: false });
    fc.assert(fc.property(fc.jsonValue(), fc.jsonValue(), (value, groups) => void parse([value], [groups])));
    const anyBytes = fc.uint8Array();
    fc.assert(fc.property(anyBytes, anyBytes, (body, groups) => void parseAlertList({ body, groups }, OURS)));
  });
});
