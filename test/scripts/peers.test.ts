import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { startProcess } from '../support/processes/process.ts';

interface Source {
  readonly types: readonly string[];
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  readonly options: Readonly<Record<string, string>>;
}

interface Sources {
  parseOneLine(text: string): Source[];
  parseDeb822(text: string): Source[];
  archiveSources(sources: readonly Source[], codename: string): Source[];
  sourceText(source: Source, suite: string): string;
}

const DEB822 = `# the distribution
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
  contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

types: deb
uris: http://mirror.example/debian-security
suites: bookworm-security
components: main
signed-by:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
`;

const ONE_LINE = `
# deb http://off.example/debian bookworm main
deb [arch=amd64,arm64 signed-by=/usr/share/keyrings/k.gpg] https://mirror.example/debian/ bookworm main contrib # ours
deb-src https://mirror.example/debian bookworm main
deb https://vendor.example/apt bookworm stable
nonsense
`;

describe('the package sources of a machine', () => {
  let sources: Sources;
  beforeAll(async () => {
    const path = join(import.meta.dirname, '../../scripts/peers/sources.mjs');
    sources = (await import(path)) as Sources;
  });

  it('are read in deb822 format', () => {
    const [own, security, ...rest] = sources.parseDeb822(DEB822);
    expect(rest).toEqual([]);
    expect(own).toEqual({
      types: ['deb', 'deb-src'],
      uris: ['http://mirror.example/debian'],
      suites: ['bookworm', 'bookworm-updates'],
      components: ['main', 'contrib'],
      options: { 'Signed-By': '/usr/share/keyrings/debian-archive-keyring.gpg' },
    });
    expect(security?.suites).toEqual(['bookworm-security']);
    expect(security?.options['Signed-By']).toMatch(/^\n -----BEGIN PGP[^]*\n mQINBF$/);
  });

  it('are read in one-line format', () => {
    expect(
      sources.parseOneLine(ONE_LINE).map(({ types, suites, components }) => [types, suites, components]),
    ).toEqual([
      [['deb'], ['bookworm'], ['main', 'contrib']],
      [['deb-src'], ['bookworm'], ['main']],
      [['deb'], ['bookworm'], ['stable']],
    ]);
    expect(sources.parseOneLine(ONE_LINE)[0]?.options).toEqual({
      Architectures: 'amd64 arm64',
      'Signed-By': '/usr/share/keyrings/k.gpg',
    });
  });

  it('provide another suite where they provide the release itself', () => {
    const all = [...sources.parseOneLine(ONE_LINE), ...sources.parseDeb822(DEB822)];
    const found = sources.archiveSources(all, 'bookworm');
    expect(found.map(({ uris }) => uris)).toEqual([
      ['https://mirror.example/debian/'],
      ['http://mirror.example/debian'],
    ]);
    expect(sources.archiveSources(all, 'trixie')).toEqual([]);
    expect(found.map((source) => sources.sourceText(source, 'forky'))).toEqual([
      'Types: deb\nURIs: https://mirror.example/debian/\nSuites: forky\nComponents: main\nSigned-By: /usr/share/keyrings/k.gpg\nArchitectures: amd64 arm64\n',
      'Types: deb\nURIs: http://mirror.example/debian\nSuites: forky\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n',
    ]);
  });
});

describe('startProcess', () => {
  const script = (code: string): readonly string[] => ['-e', code];

  it('waits for what the process prints, and stops it', async () => {
    const started = await startProcess(
      process.execPath,
      script('console.log("port 42"); setInterval(() => {}, 1000)'),
      { ready: /port (\d+)/ },
    );
    expect(started.match?.[1]).toBe('42');
    expect(await started.stop()).toBeNull();
  });

  it('waits for the result of a function', async () => {
    let asked = 0;
    const started = await startProcess(process.execPath, script('setInterval(() => {}, 1000)'), {
      ready: () => (++asked < 3 ? Promise.reject(new Error('not yet')) : Promise.resolve(true)),
    });
    expect(asked).toBe(3);
    await started.stop();
  });

  it('reports the output of a process that exited, was late or does not exist', async () => {
    const ready = /never/;
    const fails = script('console.error("why"); process.exit(3)');
    await expect(startProcess(process.execPath, fails, { ready })).rejects.toThrow(
      /ended with exit code 3; it printed:\nwhy/,
    );
    const hangs = script('setInterval(() => {}, 1000)');
    await expect(startProcess(process.execPath, hangs, { ready, timeoutMs: 200 })).rejects.toThrow(
      /was not ready within 200 ms/,
    );
    await expect(startProcess('/nowhere/at/all', [], { ready })).rejects.toThrow(/could not be started/);
  });
});
