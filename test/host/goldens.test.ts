import { writeFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { collectors } from '../../src/host/registry.ts';
import { parseExposition } from '../support/exposition/exposition.ts';
import { pathsOf, readNodeExporter } from '../support/host/node-exporter.ts';
import { goldenOf } from '../support/host/procfs.ts';
import { goldenFile, KERNELS, unpackedHost } from '../support/host/trees.ts';
import { describeWithPeers } from '../support/processes/peers.ts';

/** What depends on the machine that node_exporter runs on, not on the recorded one. */
const NOT_RECORDED =
  /^(# TYPE )?node_(exporter_build_info|scrape_collector_duration|time_(seconds|zone)|uname|textfile|filesystem)/;

describeWithPeers(['node_exporter'], 'the goldens', () => {
  it.each(KERNELS)(
    'are what node_exporter exposes for Linux %s (UPDATE_GOLDENS=1 writes them)',
    async (kernel) => {
      const names = collectors.map(({ name }) => name);
      const text = await readNodeExporter(names, pathsOf(unpackedHost(kernel)));
      const lines = text.split('\n').filter((line) => !line.startsWith('# HELP') && !NOT_RECORDED.test(line));
      if (process.env['UPDATE_GOLDENS'] === '1') writeFileSync(goldenFile(kernel), lines.join('\n'));
      const { types, series } = parseExposition(lines.join('\n'));
      // The size of a page is that of this machine.
      const recorded = (name: string) => !name.endsWith('_mem_bytes');
      expect(types).toEqual(goldenOf(kernel).types);
      expect([...series].filter(([name]) => recorded(name))).toEqual(
        [...goldenOf(kernel).series].filter(([name]) => recorded(name)),
      );
    },
  );
});
