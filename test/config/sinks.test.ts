import { afterAll, describe, expect, it } from '@jest/globals';
import { ConfigFolder } from '../support/config/config-files.ts';

const folder = new ConfigFolder();
afterAll(() => folder.remove());
folder.write('secrets/redis', 'hunter2\n');
folder.write('secrets/token', 'sesame\n');

describe('sinks', () => {
  it('are empty by default', () => {
    expect(folder.config('').sinks).toEqual([]);
  });

  it('are read with their defaults and secrets', () => {
    const { sinks } = folder.config(`
sinks:
  - { name: bus, redis: { url: redis://redis:6380/2, password_file: secrets/redis } }
  - { name: safe, redis: { url: 'rediss://me:pass@redis', stream: s, max_length: 10, timeout: 1s } }
  - { name: cloud, http: { url: https://example.com/in, authorization: { credentials_file: secrets/token } } }
  - { name: audit, log: {} }
`);
    const plain = sinks.map(({ name, to }) => {
      const password = 'password' in to && to.password.reveal();
      const authorization = 'authorization' in to && to.authorization.reveal();
      const tls = 'tls' in to && { tls: to.tls.rejectUnauthorized };
      return { name, ...to, ...(password && { password }), ...(authorization && { authorization }), ...tls };
    });
    expect(plain).toEqual([
      {
        name: 'bus', type: 'redis', host: 'redis', port: 6380, db: 2, password: 'hunter2',
        stream: 'tocsin:events', maxLength: 100_000, timeoutMs: 10_000,
      }, // prettier-ignore
      {
        name: 'safe', type: 'redis', host: 'redis', port: 6379, tls: true, db: 0, username: 'me', password: 'pass',
        stream: 's', maxLength: 10, timeoutMs: 1_000,
      }, // prettier-ignore
      {
        name: 'cloud',
        type: 'http',
        url: 'https://example.com/in',
        timeoutMs: 10_000,
        authorization: 'Bearer sesame',
      },
      { name: 'audit', type: 'log' },
    ]);
  });

  it('have their passwords masked where the configuration is displayed', () => {
    const { redacted } = folder.config(`
sinks:
  - { name: bus, redis: { url: 'redis://:hunter2@redis' } }
  - { name: cloud, http: { url: https://h/?key=hunter2, basic_auth: { username: u, password: hunter2 } } }
`);
    expect(redacted()).not.toContain('hunter2');
  });

  it('are reported with line and key when they are invalid', () => {
    const problems = folder.problems(`
sinks:
  - { name: bus, redis: { url: http://redis } }
  - { name: bus, log: {} }
  - { name: two, log: {}, http: { url: https://h/ } }
  - { name: none }
  - { name: cred, http: { url: https://me:pass@h/ } }
  - { name: auth, http: { url: https://h/, basic_auth: {}, authorization: { credentials: x } } }
  - { name: mode, http: { url: https://h/, mode: binary } }
  - { name: pass, redis: { url: redis://h, password: x, password_file: secrets/redis } }
  - { name: kind, kafka: {} }
  - { name: tls1, redis: { url: redis://h, tls_config: {} } }
  - { name: tls2, http: { url: http://h/, tls_config: { insecure_skip_verify: true } } }
  - { name: tls3, http: { url: https://h/, tls_config: { ca_file: secrets/token } } }
  - { name: tls4, http: { url: https://h/, tls_config: { cert_file: secrets/token } } }
  - { name: tls5, http: { url: https://h/, tls_config: { ca: x } } }
`);
    expect(problems.map((line) => line.replace('tocsin.yml:', ''))).toEqual([
      '3: sinks[0].redis.url: the scheme "http" is not redis or rediss; expected redis://host:6379/0 or rediss://…',
      '4: sinks[1].name: the name "bus" is taken by an earlier entry; names must differ',
      '5: sinks[2]: http and log; expected exactly one of redis, http, log',
      '6: sinks[3]: no destination for events; expected exactly one of redis, http, log',
      '7: sinks[4].http.url: expected an http:// or https:// URL without credentials in it; give them as authorization or basic_auth',
      '8: sinks[5].http: basic_auth and authorization are given; expected one authentication method',
      '9: sinks[6].http.mode: unknown value "binary"; values: structured',
      '10: sinks[7].redis.password_file: password and password_file are both given; expected one',
      '11: sinks[8].kafka: unknown key "kafka"; valid keys: http, log, name, redis',
      '11: sinks[8]: no destination for events; expected exactly one of redis, http, log',
      '12: sinks[9].redis.tls_config: the URL does not ask for TLS; expected one that begins with rediss://, or no tls_config',
      '13: sinks[10].http.tls_config: the URL does not ask for TLS; expected one that begins with https://, or no tls_config',
      '14: sinks[11].http.tls_config.ca_file: the file contains no certificate that can be read; expected one or more in PEM',
      '15: sinks[12].http.tls_config: cert_file and key_file belong together; give both or neither',
      '16: sinks[13].http.tls_config.ca: unknown key "ca"; valid keys: ca_file, cert_file, insecure_skip_verify, key_file, server_name',
    ]);
  });
});
