import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { CertificateMint } from '../support/probes/certificates.ts';
import type { Pair } from '../support/differential/differential.ts';
import { differences, type Answer } from '../support/differential/compare.ts';
import { askProbe, startBlackbox, type Exporter } from '../support/differential/exporters.ts';
import { pairTables } from '../support/differential/tables.ts';
import { describeWithPeers } from '../support/processes/peers.ts';
import { startTocsin, temporaryFolder, type RunningTocsin } from '../support/processes/tocsin.ts';

/** Pairs that are compared at the same time. */
const AT_ONCE = 6;

const mint = new CertificateMint();
const pairs = pairTables(mint);
const folder = temporaryFolder();

afterAll(() => mint.remove());

const moduleName = (pair: Pair): string => `m${pairs.indexOf(pair)}`;

const ask = (exporter: Pick<Exporter, 'url'>, pair: Pair, target: string): Promise<Answer> => {
  const { query, timeoutSeconds } = pair;
  return askProbe(exporter, { target, module: moduleName(pair), query, timeoutSeconds });
};

describeWithPeers(['blackbox_exporter'], '/probe beside blackbox_exporter 0.28', () => {
  let blackbox: Exporter;
  let tocsin: RunningTocsin;
  const found = new Map<string, readonly string[]>();

  async function compare(pair: Pair): Promise<void> {
    const server = await pair.start();
    try {
      const theirs = await ask(blackbox, pair, server.target);
      const ours = await ask(tocsin, pair, server.target);
      found.set(pair.name, differences(theirs, ours, pair.differs));
    } finally {
      await server.stop();
    }
  }

  beforeAll(async () => {
    // JSON is YAML for both of them
    const modules = Object.fromEntries(pairs.map((pair) => [moduleName(pair), pair.module]));
    const file = join(folder.path, 'blackbox.yml');
    writeFileSync(file, JSON.stringify({ modules }));
    const config = 'probe_endpoint: { modules_file: blackbox.yml }\nhost: { enabled: false }\n';
    // one connection for each concurrent request, all from one address
    [blackbox, tocsin] = await Promise.all([
      startBlackbox(file),
      startTocsin({ config, folder: folder.path }),
    ]);
    const waiting = [...pairs];
    const worker = async (): Promise<void> => {
      for (let pair = waiting.shift(); pair !== undefined; pair = waiting.shift()) {
        const { name } = pair;
        const again = () => compare(pair).catch((error: unknown) => found.set(name, [String(error)]));
        await again();
        // on a busy machine one of the two may have timed out: only what differs twice counts
        if (found.get(name)?.length !== 0) await again();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  });

  afterAll(async () => {
    blackbox.stop();
    await tocsin.stop();
    await folder[Symbol.asyncDispose]();
  });

  it('compares at least 60 pairs', () => {
    expect(pairs.length).toBeGreaterThanOrEqual(60);
    expect(new Set(pairs.map(({ name }) => name)).size).toBe(pairs.length);
  });

  it.each(pairs.map(({ name }) => [name]))('%s', (name) => {
    expect(found.get(name)).toEqual([]);
  });

  it('documents every intended difference in the migration guide', () => {
    const guide = readFileSync('docs/migrating-from-blackbox_exporter.md', 'utf8');
    const titles = pairs.flatMap(({ differs }) => (differs === undefined ? [] : [differs.title]));
    const missing = titles.filter((title) => !new RegExp(`^#+ ${title}$`, 'm').test(guide));
    expect([...new Set(missing)]).toEqual([]);
  });
});
