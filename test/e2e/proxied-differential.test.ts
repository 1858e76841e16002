import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { CertificateMint } from '../support/probes/certificates.ts';
import { differences } from '../support/differential/compare.ts';
import { askProbe, startBlackbox, type Exporter } from '../support/differential/exporters.ts';
import { assertionCases, proxiedCases, type Case } from '../support/differential/proxied.ts';
import { startRecorders, type Recorders } from '../support/differential/recorders.ts';
import { describeWithPeers } from '../support/processes/peers.ts';
import { startTocsin, temporaryFolder, type RunningTocsin } from '../support/processes/tocsin.ts';

const mint = new CertificateMint();
const folder = temporaryFolder();
const cases: readonly Case[] = [...proxiedCases, ...assertionCases(signingKeys())];

afterAll(() => mint.remove());

function signingKeys() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const pem = (type: 'pkcs1' | 'pkcs8'): string => privateKey.export({ type, format: 'pem' }).toString();
  return { pkcs1: pem('pkcs1'), pkcs8: pem('pkcs8'), file: mint.write('signing.key', pem('pkcs1')) };
}

function moduleOf({ http }: Case, { at }: Recorders): unknown {
  const { oauth2, ...settings } = http(at);
  const ca = { tls_config: { ca_file: mint.caFile } };
  return {
    prober: 'http',
    timeout: '10s',
    http: {
      preferred_ip_protocol: 'ip4',
      ...ca,
      ...settings,
      ...(typeof oauth2 === 'object' && { oauth2: { ...ca, ...oauth2 } }),
    },
  };
}

describeWithPeers(['blackbox_exporter'], 'proxies and tokens, beside blackbox_exporter 0.28', () => {
  let recorders: Recorders;
  let blackbox: Exporter;
  let tocsin: RunningTocsin;
  const found = new Map<string, readonly string[]>();
  const asked = new Map<string, { readonly theirs: string[]; readonly ours: string[] }>();

  async function compare(one: Case): Promise<void> {
    const { query, timeoutSeconds } = one;
    const question = {
      target: one.target(recorders.at),
      module: `m${cases.indexOf(one)}`,
      query,
      timeoutSeconds,
    };
    recorders.take();
    const answer = await askProbe(blackbox, question);
    const theirs = recorders.take();
    const own = await askProbe(tocsin, question);
    asked.set(one.name, { theirs, ours: recorders.take() });
    found.set(one.name, differences(answer, own, one.differs));
  }

  beforeAll(async () => {
    recorders = await startRecorders(mint);
    const modules = Object.fromEntries(cases.map((one, i) => [`m${i}`, moduleOf(one, recorders)]));
    const file = join(folder.path, 'blackbox.yml');
    writeFileSync(file, JSON.stringify({ modules }));
    const config = 'probe_endpoint: { modules_file: blackbox.yml }\nhost: { enabled: false }\n';
    const env = { HTTP_PROXY: `socks5://${recorders.at.socks}`, NO_PROXY: '' };
    [blackbox, tocsin] = await Promise.all([
      startBlackbox(file, env),
      startTocsin({ config, folder: folder.path, env }),
    ]);
    // one after the other, since the recorders cannot distinguish the clients
    for (const one of cases) await compare(one);
  });

  afterAll(async () => {
    blackbox.stop();
    await tocsin.stop();
    await recorders.close();
    await folder[Symbol.asyncDispose]();
  });

  it('has unique names of cases', () => {
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  });

  it.each(cases.map(({ name }) => [name]))('%s: the same families, labels and values', (name) => {
    expect(found.get(name)).toEqual([]);
  });

  it.each(cases.filter((one) => one.asksOtherwise === undefined).map(({ name }) => [name]))(
    '%s: the same requests to proxies, token endpoints and targets',
    (name) => {
      const { theirs, ours } = asked.get(name) ?? { theirs: ['nothing was compared'], ours: [] };
      expect(ours).toEqual(theirs);
    },
  );

  it('finds every intended difference, each with a section in the migration guide', () => {
    const guide = readFileSync('docs/migrating-from-blackbox_exporter.md', 'utf8');
    const otherwise = cases.filter((one) => one.asksOtherwise !== undefined);
    for (const { name } of otherwise) expect(asked.get(name)?.ours).not.toEqual(asked.get(name)?.theirs);
    const titles = cases.flatMap((one) => [one.differs?.title ?? [], one.asksOtherwise ?? []].flat());
    const missing = titles.filter((title) => !new RegExp(`^#+ ${title}$`, 'm').test(guide));
    expect([...new Set(missing)]).toEqual([]);
  });
});
