import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseAlertmanagerRouting, receiversOfWebhook } from '../../src/alerts/alertmanager-routing.ts';

const receiver = (name: string, ...webhook_configs: readonly Record<string, unknown>[]) => ({
  name,
  webhook_configs,
});
const OURS = { url: 'http://tocsin:10464/api/webhooks/alertmanager' };
const read = (receivers: readonly unknown[], route: unknown = { receiver: 'a' }) =>
  parseAlertmanagerRouting({ route, receivers }, 'main');

describe('which receivers of an Alertmanager are ours', () => {
  it.each([
    ['an address of ours', OURS, 'certain'],
    ['that of this webhook', { url: `${OURS.url}/main` }, 'certain'],
    [
      'that of this webhook, behind a proxy',
      { url: 'https://x/y/api/webhooks/alertmanager/main?a=1' },
      'certain',
    ],
    ['that of another webhook', { url: `${OURS.url}/other` }, 'neither'],
    ['that of another program', { url: 'http://karma:8080/hook' }, 'neither'],
    ['a hidden address', { url: '<secret>' }, 'possible'],
    ['an address from a file', { url_file: '/etc/url' }, 'possible'],
    ['a template', { url: 'http://{{ .GroupLabels.host }}/x' }, 'possible'],
  ])('%s', (_what, config, expected) => {
    const { receivers } = read([receiver('a', config), { name: 'slack', slack_configs: [{}] }]) ?? {};
    expect(receivers).toEqual({
      certain: expected === 'certain' ? ['a'] : [],
      possible: expected === 'possible' ? ['a'] : [],
    });
  });

  it.each([
    ['nothing was ever delivered: all possible ones', { certain: [], possible: ['x', 'y'] }, [], ['x', 'y']],
    ['one of them has delivered: that one', { certain: [], possible: ['x', 'y'] }, ['y'], ['y']],
    ['some are certain', { certain: ['a'], possible: ['x', 'y'] }, [], ['a']],
    ['one is certain and another has delivered', { certain: ['a'], possible: ['x', 'y'] }, ['y'], ['a', 'y']],
    [
      'only receivers that have been removed since have delivered',
      { certain: [], possible: ['x'] },
      ['old'],
      ['x'],
    ],
  ])('where %s', (_what, clues, delivered, expected) => {
    expect([...receiversOfWebhook(clues, new Set(delivered))]).toEqual(expected);
  });

  it('finds time intervals on any route', () => {
    const deep = { receiver: 'a', routes: [{ routes: [{ active_time_intervals: ['office'] }] }] };
    expect(read([], deep)?.hasTimeIntervals).toBe(true);
    expect(read([], { mute_time_intervals: ['night'] })?.hasTimeIntervals).toBe(true);
    expect(read([], { receiver: 'a', routes: [{}] })?.hasTimeIntervals).toBe(false);
  });

  it('never throws, and accepts nothing else as a configuration', () => {
    for (const value of [undefined, null, 'x', [], {}, { receivers: [] }])
      expect(parseAlertmanagerRouting(value, 'main')).toBeUndefined();
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (route, list) => void read([list], { routes: [route] })),
    );
  });
});
