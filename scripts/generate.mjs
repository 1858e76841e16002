#!/usr/bin/env node
// Writes the files that are generated from the declarations of the configuration's keys: the tables of
// docs/configuration.md and tocsin.schema.json. With --check it writes nothing, and fails where one of them is not up
// to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonSchema } from '../dist/config/reference/json-schema.js';
import { withKeyTables } from '../dist/config/reference/tables.js';
import { collectors as registered } from '../dist/host/registry.js';
import { probers } from '../dist/probes/registry.js';

const check = process.argv.includes('--check');
const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..');
const collectors = registered.map(({ name }) => name);

const read = (file) => {
  try {
    return readFileSync(join(root, file), 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return '';
    throw error;
  }
};

const generated = {
  'docs/configuration.md': (page) => withKeyTables(page, collectors),
  'tocsin.schema.json': () => `${JSON.stringify(jsonSchema({ probers, collectors }), null, 2)}\n`,
};

for (const [file, make] of Object.entries(generated)) {
  const before = read(file);
  const after = make(before);
  if (after === before) continue;
  if (check) {
    console.error(`${file} is not up to date; run npm run generate`);
    process.exitCode = 1;
  } else {
    writeFileSync(join(root, file), after);
    console.log(`${file} written`);
  }
}
