import { afterAll, describe, expect, it } from '@jest/globals';
import { ConfigFolder } from '../support/config/config-files.ts';

const folder = new ConfigFolder();
afterAll(() => folder.remove());

describe('monitoring of the alerting pipeline', () => {
  it('is off by default, except for the levels of escalation', () => {
    const { alertmanagers, watchdogs, pingUrl, escalation } = folder.config('');
    expect({ alertmanagers, watchdogs, pingUrl }).toEqual({
      alertmanagers: [],
      watchdogs: [],
      pingUrl: undefined,
    });
    expect(escalation).toEqual({ critical: [300_000, 900_000], warning: [900_000] });
  });

  it('is read completely', () => {
    folder.write('ping', 'https://ping.example/uuid\n');
    folder.write('password', 'p');
    const config = folder.config(`
webhooks: [{ name: main, tokens: [a] }, { name: other, tokens: [b] }]
alertmanagers:
  - { name: am-0, url: http://127.0.0.1:9093/, webhook: other, basic_auth: { username: u, password_file: password } }
  - { name: am-1, url: https://am.example, webhook: main, receivers: [tocsin], authorization: { credentials: c } }
watchdogs: [{ name: prometheus, match: { alertname: Watchdog }, expect_every: 2m }]
escalation: { critical: [1m], warning: [] }
ping_url_file: ping
`);
    expect(
      config.alertmanagers.map(({ name, webhook, authorization }) => [
        name,
        webhook,
        authorization?.reveal(),
      ]),
    ).toEqual([
      ['am-0', 'other', `Basic ${Buffer.from('u:p').toString('base64')}`],
      ['am-1', 'main', 'Bearer c'],
    ]);
    expect(config.alertmanagers.map(({ receivers }) => receivers)).toEqual([undefined, ['tocsin']]);
    expect(config.watchdogs).toEqual([
      { name: 'prometheus', match: { alertname: 'Watchdog' }, expectEveryMs: 120_000 },
    ]);
    expect(config.escalation).toEqual({ critical: [60_000], warning: [] });
    expect(config.pingUrl?.reveal()).toBe('https://ping.example/uuid');
  });

  it('uses the levels of a service for it: all of a severity, or none', () => {
    const config = folder.config(`
escalation: { critical: [1m, 2m] }
services:
  - { name: plain, target: http://h, http: {} }
  - { name: quick, target: http://h, http: {}, escalation: { critical: [10s] } }
  - { name: night, target: http://h, http: {}, escalation: { critical: [], warning: [1h, 2h] } }
`);
    expect(config.services.map(({ name, escalation }) => [name, escalation])).toEqual([
      ['plain', {}],
      ['quick', { critical: [10_000] }],
      ['night', { critical: [], warning: [3_600_000, 7_200_000] }],
    ]);
  });

  it('uses the only webhook where none is named', () => {
    const config = folder.config('alertmanagers: [{ name: am-0, url: http://127.0.0.1:9093 }]');
    expect(config.alertmanagers[0]?.webhook).toBe('main');
  });

  it('shows no secrets', () => {
    const config = folder.config(`
ping_url: https://ping.example/uuid
alertmanagers: [{ name: a, url: http://h:1, basic_auth: { username: u, password: hunter2 } }]
`);
    expect(config.redacted()).not.toMatch(/uuid|hunter2/);
  });

  it.each([
    ['alertmanagers: [{ name: a, url: ftp://h }]', '"ftp://h" is not a URL'],
    ['alertmanagers: [{ name: a, url: http://u:p@h }]', 'the URL contains credentials'],
    [
      'alertmanagers: [{ name: a, url: http://h, webhook: mian }]',
      'unknown webhook "mian"; did you mean "main"?',
    ],
    [
      'webhooks: [{ name: a }, { name: b }]\nalertmanagers: [{ name: a, url: http://h }]',
      'missing webhook: the entry of webhooks that it posts to',
    ],
    [
      'alertmanagers: [{ name: a, url: http://h }, { name: a, url: http://h }]',
      'the name "a" is taken by an earlier entry',
    ],
    [
      'alertmanagers: [{ name: a, url: http://h, basic_auth: {}, authorization: { credentials: c } }]',
      'give either basic_auth or authorization, not both',
    ],
    [
      'alertmanagers: [{ name: a, url: http://h, tls_config: { insecure_skip_verify: true } }]',
      '1: alertmanagers[0].tls_config: the URL does not ask for TLS; expected one that begins with https://, or no tls_config',
    ],
    [
      'alertmanagers: [{ name: a, url: https://h, tls_config: { ca_file: nowhere } }]',
      'alertmanagers[0].tls_config.ca_file: cannot read nowhere: no such file',
    ],
    ['watchdogs: [{ name: a, match: {}, expect_every: 1m }]', 'expected at least one label'],
    ['watchdogs: [{ name: a, match: { alertname: W } }]', 'watchdogs[0].expect_every'],
    ['escalation: { critical: [15m, 5m] }', 'expected durations that grow from level to level'],
    ['escalation: { critical: [1m, 2m, 3m] }', 'expected at most two durations'],
    ['escalation: { info: [1m] }', 'unknown key "info"'],
    [
      'services: [{ name: a, target: http://h, http: {}, escalation: { critical: [2m, 1m] } }]',
      '1: services[0].escalation.critical: expected durations that grow from level to level',
    ],
    [
      'services: [{ name: a, target: http://h, http: {}, escalation: { critcal: [2m] } }]',
      'unknown key "critcal"; did you mean "critical"?',
    ],
    ['ping_url: not a url', 'expected a URL that begins with http:// or https://'],
    ['ping_url_file: nowhere', 'no such file'],
    ['ping_url: http://a\nping_url_file: b', 'give either ping_url or ping_url_file, not both'],
  ])('reports the problem of %j', (text, problem) => {
    expect(folder.problems(text).join('\n')).toContain(problem);
  });
});
