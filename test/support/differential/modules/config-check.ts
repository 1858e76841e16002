import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { peer } from '../../processes/peers.ts';
import { temporaryFolder } from '../../processes/tocsin.ts';

/** How many are checked at a time. */
const AT_ONCE = 2;

/** Whether the real blackbox_exporter loads each of these files: texts, or modules by name (JSON is YAML to it). */
export async function loadedByBlackbox(
  files: readonly (string | Readonly<Record<string, unknown>>)[],
): Promise<readonly boolean[]> {
  await using folder = temporaryFolder();
  const loaded: boolean[] = [];
  const waiting = [...files.entries()];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [index, file] = next;
      const path = join(folder.path, `${index}.yml`);
      writeFileSync(path, typeof file === 'string' ? file : JSON.stringify({ modules: file }));
      const child = spawn(peer('blackbox_exporter'), [`--config.file=${path}`, '--config.check'], {
        stdio: 'ignore',
      });
      const [code] = (await once(child, 'exit')) as [number | null];
      loaded[index] = code === 0;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return loaded;
}
