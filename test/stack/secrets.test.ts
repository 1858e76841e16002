import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { collectors } from '../../src/host/registry.ts';
import { loadConfig } from '../../src/config/load.ts';
import { probers } from '../../src/probes/registry.ts';
import {
  inTemporaryFolder,
  makeSecrets,
  readStackFile,
  run,
  SECRETS,
} from '../support/config/stack-files.ts';

const SCRIPT = 'scripts/stack-secrets.mjs';

function contents(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
  );
}

describe('scripts/stack-secrets.mjs', () => {
  it('creates every secret that the stack reads, long and unique', () => {
    inTemporaryFolder((folder) => {
      makeSecrets(folder);
      const made = contents(folder);
      const files = [
        'stack/tocsin.yml',
        'docker-compose.yml',
        'prometheus/prometheus.yml',
        'alertmanager/alertmanager.yml',
      ];
      const read = files.flatMap((file) => [
        ...readStackFile(file).matchAll(new RegExp(`${SECRETS}/([\\w.-]+)`, 'g')),
      ]);
      expect(
        [...new Set(read.map(([, name]) => name))].filter((name) => made[name ?? ''] === undefined),
      ).toEqual([]);
      const tokens = Object.entries(made).filter(([name]) => name !== 'redis-users.acl');
      expect(tokens.filter(([, value]) => !/^[\w-]{43}$/.test(value))).toEqual([]);
      expect(new Set(tokens.map(([, value]) => value)).size).toBe(tokens.length);
    });
  });

  it('lets no one else read them', () => {
    inTemporaryFolder((folder) => {
      makeSecrets(folder);
      for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o337).toBe(0);
    });
  });

  it('keeps existing secrets, and creates missing or empty ones', () => {
    inTemporaryFolder((folder) => {
      mkdirSync(join(folder, 'it'));
      const dir = join(folder, 'it');
      writeFileSync(join(dir, 'ops-token'), 'mine');
      writeFileSync(join(dir, 'metrics-token'), '');
      makeSecrets(dir);
      const before = contents(dir);
      expect(before['ops-token']).toBe('mine');
      expect(before['metrics-token']).toHaveLength(43);
      makeSecrets(dir);
      expect(contents(dir)).toEqual(before);
    });
  });

  it('gives Redis the hash of the password, and creates both together', () => {
    inTemporaryFolder((folder) => {
      makeSecrets(folder);
      const before = contents(folder);
      const { code } = run('node', [SCRIPT, '--dir', folder, 'renew', 'redis-password']);
      expect(code).toBe(0);
      const after = contents(folder);
      expect(after['redis-password']).not.toBe(before['redis-password']);
      const hash = createHash('sha256').update(String(after['redis-password'])).digest('hex');
      expect(after['redis-users.acl']).toContain(`user default on #${hash} `);
      expect(after['redis-users.acl']).not.toContain(after['redis-password']);
    });
  });

  it('stores a given secret, without surrounding white space', () => {
    inTemporaryFolder((folder) => {
      const { code } = run(
        'node',
        [SCRIPT, '--dir', folder, 'put', 'slack-api-url'],
        'https://hooks.example/x\n',
      );
      expect(code).toBe(0);
      expect(contents(folder)).toEqual({ 'slack-api-url': 'https://hooks.example/x' });
    });
  });

  it.each([
    [['put', 'nothing'], 'slack-api-url, smtp-password'],
    [['put', 'smtp-password'], 'standard input is empty'],
    [['renew', 'smtp-password'], 'expected make, put NAME'],
    [['make', '--own', 'here'], '"here" is not PATH=UID:GID'],
    [['make', '--mine', 'here=1:2'], 'expected --own PATH=UID:GID'],
    [[], 'expected make, put NAME'],
  ])('refuses %j and reports what it expects', (args, message) => {
    inTemporaryFolder((folder) => {
      const { code, output } = run('node', [SCRIPT, '--dir', folder, ...args]);
      expect(output).toContain(message);
      expect(code).toBe(2);
    });
  });
});

describe('stack/tocsin.yml', () => {
  it('is a valid configuration that probes every member of the stack', () => {
    inTemporaryFolder((folder) => {
      makeSecrets(join(folder, 'secrets'));
      const path = join(folder, 'tocsin.yml');
      writeFileSync(path, readStackFile('stack/tocsin.yml').replaceAll(SECRETS, join(folder, 'secrets')));
      const names = collectors.map(({ name }) => name);
      const result = loadConfig({ cwd: folder, env: {}, hostname: 'host', probers, collectors: names, path });
      expect(result.ok ? [] : result.problems).toEqual([]);
      if (!result.ok) return;
      const { server, services, webhooks, host, store } = result.config;
      expect(server.listen).toEqual({ host: '0.0.0.0', port: 10464 });
      expect(server.tokens.map(({ name, scopes }) => [name, scopes])).toEqual([
        ['prometheus', ['metrics']],
        ['ops', ['ack', 'heartbeat', 'admin']],
      ]);
      expect(webhooks.map(({ name, tokens }) => [name, tokens.length])).toEqual([['main', 1]]);
      expect([host.procfs, host.sysfs, host.rootfs]).toEqual(['/host/proc', '/host/sys', '/host/root']);
      expect(store.path).toBe('/data/tocsin.db');
      const members = ['tocsin', 'prometheus', 'alertmanager', 'grafana', 'redis'];
      expect(services.map(({ name, targets }) => [name, targets[0]?.host])).toEqual(
        members.map((name) => [name, name]),
      );
    });
  });
});
