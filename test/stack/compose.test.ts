import { statSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { readStackFile, readYaml, stackFile } from '../support/config/stack-files.ts';

const dependency = z.strictObject({
  condition: z.enum(['service_healthy', 'service_completed_successfully']),
});
const service = z.looseObject({
  image: z.string().optional(),
  build: z.string().optional(),
  restart: z.string(),
  read_only: z.boolean(),
  cap_drop: z.array(z.string()),
  cap_add: z.array(z.string()).optional(),
  security_opt: z.array(z.string()),
  user: z.string().optional(),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  networks: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  depends_on: z.record(z.string(), dependency).default({}),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
  logging: z.object({ options: z.object({ 'max-size': z.string(), 'max-file': z.string() }) }),
  mem_limit: z.string(),
  cpus: z.number(),
  pids_limit: z.number(),
  privileged: z.literal(false).optional(),
  network_mode: z.literal('none').optional(),
});
const schema = z.object({
  services: z.record(z.string(), service),
  networks: z.record(z.string(), z.object({ internal: z.boolean().optional() })),
  volumes: z.record(z.string(), z.unknown()),
});

const compose = readYaml(schema, 'docker-compose.yml');
const dockerfile = readStackFile('Dockerfile');
const PINNED = /^[a-z0-9./-]+:v?\d+\.\d+\.\d+[a-z0-9.-]*$/;

describe.each(Object.entries(compose.services))('service %s', (name, of) => {
  it('runs a pinned image, or builds its own', () => {
    if (of.build === undefined) expect(of.image).toMatch(PINNED);
    else expect(of.image).toBeUndefined();
  });

  it('has a read-only root, no capabilities and no new privileges', () => {
    expect(of.read_only).toBe(true);
    expect(of.cap_drop).toEqual(['ALL']);
    expect(of.security_opt).toEqual(['no-new-privileges:true']);
    expect(of.cap_add ?? []).toEqual(name === 'secrets' ? ['CHOWN'] : []);
  });

  it('does not run as root, except the one that gives the secrets to their owners and reaches no network', () => {
    if (name === 'secrets') expect(of.network_mode).toBe('none');
    else if (of.build === undefined) expect(of.user).toMatch(/^[1-9]\d*:\d+$/);
  });

  it('has limits, and a log of bounded size', () => {
    expect(of.mem_limit).toMatch(/^\d+[mg]$/);
    expect(of.cpus).toBeGreaterThan(0);
    expect(of.pids_limit).toBeGreaterThan(0);
    expect(of.logging.options['max-size']).toMatch(/^\d+m$/);
  });

  it('publishes ports on the loopback only, and then has a network that allows it', () => {
    for (const port of of.ports) expect(port).toMatch(/^127\.0\.0\.1:\$\{[A-Z]+_PORT:-\d+\}:\d+$/);
    if (of.ports.length > 0) expect(of.networks).toContain('edge');
  });

  it('has a health check without a shell’s download tools', () => {
    if (name === 'secrets') return;
    const test = of.healthcheck?.test ?? [/^HEALTHCHECK[^[]*(\[.*\])$/ms.exec(dockerfile)?.[1] ?? ''];
    expect(test.join(' ')).toMatch(
      /promtool check ready|amtool .* cluster show|redis-cli .* ping|api\/health|\/-\/ready/,
    );
    expect(test.join(' ')).not.toContain('wget');
  });

  it('waits until its secrets are created', () => {
    if (name === 'secrets') return;
    expect(of.depends_on['secrets']).toEqual({ condition: 'service_completed_successfully' });
    for (const on of Object.keys(of.depends_on)) expect(Object.keys(compose.services)).toContain(on);
  });

  it('has no secret in its environment', () => {
    const suspects = Object.entries(of.environment).filter(([key]) => /PASSWORD|SECRET|TOKEN/.test(key));
    for (const [key, value] of suspects)
      expect([key.endsWith('__FILE'), value.startsWith('/')]).toEqual([true, true]);
  });

  it('mounts project files read-only, declared volumes, and of the host only what is listed', () => {
    for (const volume of of.volumes) {
      const [source = '', , mode = 'rw'] = volume.split(':');
      if (source.startsWith('./')) expect(statSync(stackFile(source)).isFile() || mode === 'ro').toBe(true);
      else if (source.startsWith('/'))
        expect(['/proc', '/sys', '/media', '/etc/os-release']).toContain(source);
      else expect(Object.keys(compose.volumes)).toContain(source);
      if (source.startsWith('.') || source.startsWith('/')) expect(mode).toBe('ro');
      if (source === 'secrets' && name !== 'secrets') expect(mode).toBe('ro');
    }
  });
});

describe('docker-compose.yml', () => {
  it('has every member of the stack', () => {
    expect(Object.keys(compose.services).sort()).toEqual([
      'alertmanager',
      'grafana',
      'prometheus',
      'redis',
      'secrets',
      'tocsin',
    ]);
  });

  it('has a network without external access, and Redis on no other', () => {
    expect(compose.networks['monitoring']?.internal).toBe(true);
    expect(compose.services['redis']?.networks).toEqual(['monitoring']);
  });

  it('keeps Grafana from replacing its plugins on a read-only root', () => {
    expect(compose.services['grafana']?.environment).toMatchObject({
      GF_PLUGINS_PREINSTALL_AUTO_UPDATE: 'false',
      GF_AUTH_ANONYMOUS_ENABLED: 'false',
    });
  });

  it('lets Tocsin start without the services it checks', () => {
    expect(Object.keys(compose.services['tocsin']?.depends_on ?? {})).toEqual(['secrets']);
    expect(Object.keys(compose.services['alertmanager']?.depends_on ?? {})).toEqual(['secrets']);
  });
});

describe('Dockerfile', () => {
  it('builds from one pinned image, the same that creates the secrets', () => {
    const images = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image);
    expect(images).toHaveLength(3);
    expect(new Set(images)).toEqual(new Set([compose.services['secrets']?.image]));
    expect(images[0]).toMatch(PINNED);
  });

  it('runs without a shell, without root, with a health check that needs no curl', () => {
    const stage = dockerfile.slice(dockerfile.lastIndexOf('FROM '));
    expect(stage).toMatch(/^USER 1000:1000$/m);
    expect(stage).toMatch(/^ENTRYPOINT \["node", /m);
    expect(stage).toMatch(/^CMD \["serve", /m);
    expect(stage).toMatch(/HEALTHCHECK[^\n]+\\\n\s+CMD \["node", "-e", /);
    expect(stage).not.toMatch(/^RUN (?!\[)/m);
    expect(stage).not.toMatch(/curl|wget/);
  });

  it('keeps the ledger in a volume of its own account', () => {
    expect(dockerfile).toContain('RUN ["install", "-d", "-o", "1000", "-g", "1000", "-m", "0750", "/data"]');
    expect(dockerfile).toMatch(/^VOLUME \/data$/m);
  });

  it('has in its context only the files that it copies', () => {
    const [first, ...allowed] = readStackFile('.dockerignore')
      .split('\n')
      .filter((line) => /^[^#]/.test(line));
    expect(first).toBe('*');
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(
      ([, files]) => files?.split(' ') ?? [],
    );
    expect(allowed.map((line) => line.slice(1)).sort()).toEqual(copied.sort());
  });
});
