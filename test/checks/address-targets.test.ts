import { afterEach, describe, expect, it } from '@jest/globals';
import { AddressTargets } from '../../src/checks/address-targets.ts';
import { systemClock } from '../../src/domain/clock.ts';
import { tcpProber } from '../../src/probes/tcp.ts';
import type { ConfiguredService } from '../../src/config/types.ts';
import { probeOf, targetOf } from '../support/probes/probe.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { startDns, type DnsTestServer, type Zone } from '../support/servers/dns.ts';
import { until } from '../support/until.ts';

const running: { stop(): void | Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

async function dns(zone: Zone): Promise<DnsTestServer> {
  const server = await startDns(zone);
  running.push({ stop: () => server.close() });
  return server;
}

function service(resolver: readonly string[], more: Partial<ConfiguredService> = {}): ConfiguredService {
  return {
    name: 'db',
    critical: false,
    priority: 1,
    intervalMs: 50,
    timeoutMs: 1_000,
    labels: {},
    prober: 'tcp',
    targets: [targetOf(tcpProber, 'db.test:5432')],
    confirm: { failures: 1, successes: 1, retryIntervalMs: 100 },
    adaptive: {},
    escalation: {},
    probe: probeOf(tcpProber),
    resolver,
    ...more,
  };
}

function startTargets(services: readonly ConfiguredService[], onChange: () => void = () => undefined) {
  let changes = 0;
  const { logger, lines } = recordingLogger();
  const addresses = new AddressTargets({
    clock: systemClock,
    logger,
    onChange: () => {
      changes += 1;
      onChange();
    },
  });
  running.push(addresses);
  addresses.configure(services);
  const labels = () => addresses.services().flatMap(({ targets }) => targets.map(({ label }) => label));
  return { addresses, labels, lines, changes: () => changes };
}

const lookup = (addresses: AddressTargets, one: ConfiguredService, name = 'db.test') => {
  const [target] = one.targets;
  if (target === undefined) throw new Error('no target');
  const wanted = { prefer: 6, fallback: true, signal: new AbortController().signal } as const;
  return addresses.resolverFor(one, target).lookup(name, wanted);
};

describe('all_addresses', () => {
  it('makes a target of each address, both families, sorted', async () => {
    const server = await dns({ 'db.test': { a: ['192.0.2.2', '192.0.2.1'], aaaa: ['2001:db8::1'] } });
    const { addresses, labels } = startTargets([service([server.address], { allAddresses: true })]);
    expect(labels()).toEqual(['db.test:5432']);
    await until(() => labels().length === 3);
    expect(labels()).toEqual([
      'db.test:5432 (192.0.2.1)',
      'db.test:5432 (192.0.2.2)',
      'db.test:5432 (2001:db8::1)',
    ]);
    const [expanded] = addresses.services();
    if (expanded === undefined) throw new Error('no service');
    expect(await lookup(addresses, expanded)).toEqual([{ address: '192.0.2.1', family: 4 }]);
  });

  it('keeps one target for a name without addresses, to report why', async () => {
    const server = await dns({});
    const { labels } = startTargets([service([server.address], { allAddresses: true })]);
    await until(() => server.questions.length >= 2);
    expect(labels()).toEqual(['db.test:5432']);
  });

  it('follows a name whose addresses change', async () => {
    const zone: Record<string, Zone[string]> = { 'db.test': { a: ['192.0.2.1'] } };
    const server = await dns(zone);
    const { labels, changes } = startTargets([service([server.address], { allAddresses: true })]);
    await until(() => labels().join() === 'db.test:5432 (192.0.2.1)');
    zone['db.test'] = { a: ['192.0.2.1', '192.0.2.9'] };
    await until(() => labels().length === 2);
    expect(changes()).toBe(2);
    delete zone['db.test'];
    await until(() => labels().join() === 'db.test:5432');
  });

  it('still follows names after a bug in what a change causes, and logs it', async () => {
    const zone: Record<string, Zone[string]> = { 'db.test': { a: ['192.0.2.1'] } };
    const server = await dns(zone);
    const { labels, lines } = startTargets([service([server.address], { allAddresses: true })], () => {
      throw new Error('boom');
    });
    await until(() => labels().join() === 'db.test:5432 (192.0.2.1)');
    zone['db.test'] = { a: ['192.0.2.1', '192.0.2.9'] };
    await until(() => labels().length === 2);
    expect(lines.filter(({ level }) => level === 'error')[0]).toMatchObject({ error: 'Error: boom' });
  });

  it('leaves targets that are already addresses, and services without it, unchanged', async () => {
    const server = await dns({});
    const own = { targets: [targetOf(tcpProber, '192.0.2.7:1')] };
    const { labels, changes } = startTargets([
      service([server.address], { ...own, allAddresses: true }),
      service([server.address], { name: 'other' }),
    ]);
    await until(() => changes() > 0);
    expect(labels()).toEqual(['192.0.2.7:1', 'db.test:5432']);
  });

  it('forgets a removed service', async () => {
    const server = await dns({ 'db.test': { a: ['192.0.2.1'] } });
    const { addresses, labels } = startTargets([service([server.address], { allAddresses: true })]);
    await until(() => labels().join() === 'db.test:5432 (192.0.2.1)');
    addresses.configure([]);
    expect(labels()).toEqual([]);
  });
});

describe('resolver', () => {
  it('asks the name servers of the service, and not the hosts file', async () => {
    const server = await dns({ localhost: { a: ['192.0.2.99'] } });
    const own = service([server.address]);
    const { addresses } = startTargets([own]);
    expect(await lookup(addresses, own, 'localhost')).toEqual([{ address: '192.0.2.99', family: 4 }]);
    expect(server.questions).toContain('localhost a');
  });

  it('asks for the name exactly as configured, without search domains', async () => {
    const server = await dns({});
    const own = service([server.address]);
    const { addresses } = startTargets([own]);
    await expect(lookup(addresses, own, 'short')).rejects.toThrow('The name short does not exist');
    expect(new Set(server.questions)).toEqual(new Set(['short a', 'short aaaa']));
  });

  it('defaults to how this host resolves names', async () => {
    const { resolver: _none, ...own } = service([]);
    const { addresses } = startTargets([own]);
    expect((await lookup(addresses, own, 'localhost')).length).toBeGreaterThan(0);
  });
});
