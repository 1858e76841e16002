import { afterAll, describe, expect, it } from '@jest/globals';
import { keepUntilRestart } from '../../src/config/restart.ts';
import { ConfigFolder } from '../support/config/config-files.ts';

const folder = new ConfigFolder();
afterAll(() => folder.remove());

const before = folder.config('');
const reread = (text: string) => keepUntilRestart(before, folder.config(text));

describe('a reload', () => {
  it.each([
    ['node: other', 'node'],
    ['listen: 127.0.0.1:1', 'listen'],
    ['max_header_size: 1KiB', 'maxHeaderBytes'],
    ['header_timeout: 1s', 'headerTimeoutMs'],
    ['request_timeout: 70s', 'requestTimeoutMs'],
    ['keep_alive: 1s', 'keepAliveMs'],
  ] as const)('leaves server.%s for a restart', (line, property) => {
    const { config, needsRestart } = reread(`server: { ${line}, max_reads: 7 }`);
    expect(config.server[property]).toBe(before.server[property]);
    expect(config.server.maxReads).toBe(7);
    expect(needsRestart).toEqual(['server']);
    expect(Object.isFrozen(config.server)).toBe(true);
  });

  it.each([
    ['store: { retention: { history: 1d } }', 'store'],
    ['store: { path: elsewhere.db }', 'store'],
    ['host: { enabled: false }', 'host'],
    ['host: { collectors: { disable: [cpu] } }', 'host'],
  ] as const)('leaves %s for a restart', (text, section) => {
    const { config, needsRestart } = reread(text);
    expect(config[section]).toBe(before[section]);
    expect(needsRestart).toEqual([section]);
  });

  it('names every section that needs a restart', () => {
    const text = 'server: { keep_alive: 1s }\nstore: { path: a }\nhost: { enabled: false }';
    expect(reread(text).needsRestart).toEqual(['server', 'store', 'host']);
  });

  it('applies everything else', () => {
    const text = `
server: { lifecycle: true, max_body: 1MiB, max_connections: 9, trusted_proxies: [10.0.0.0/8] }
metrics: { compression: false }
scheduler: { max_concurrency: 3 }
webhooks: []
services: [{ name: a, target: 'h:1', tcp: {} }]
`;
    const given = folder.config(text);
    const { config, needsRestart } = keepUntilRestart(before, given);
    expect(needsRestart).toEqual([]);
    expect(JSON.stringify({ ...config, server: { ...config.server } })).toBe(JSON.stringify(given));
  });
});
