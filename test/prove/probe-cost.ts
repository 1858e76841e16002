import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The cost of a probe compared with blackbox_exporter, as `npm run bench -- probes` measures it. */
export async function prove() {
  const program = fileURLToPath(new URL('../../bench/probes.mjs', import.meta.url));
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`bench/probes.mjs ended with ${code}`);
  return {
    title: 'The cost of an HTTP probe, compared with blackbox_exporter',
    rows: text.trim().split('\n\n').flatMap(rowsOf),
    notes: [
      'The same target and module through both, a new connection for each probe; CPU of whole processes, including threads and children.',
      'As fast as possible: both answer /probe. At an even rate: blackbox_exporter answers /probe, and Tocsin runs as many by its own schedule, with metrics, health and history; each probe wakes an idle process.',
    ],
  };
}

/** A table of the benchmark: title, header, then rows of name, theirs, ours and ratio. */
function rowsOf(table: string): [string, string][] {
  const [title = '', head = '', ...lines] = table.split('\n');
  const name = /blackbox_exporter\s+(.+?)\s+ratio/.exec(head)?.[1] ?? '';
  return lines.map((line) => {
    const [what = '', theirs = '', ours = '', ratio = ''] = line.trim().split(/\s{2,}/);
    return [`${title}: ${what}`, `blackbox_exporter ${theirs}, ${name} ${ours}: ratio ${ratio}`];
  });
}
