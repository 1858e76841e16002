import type { ProbeModule } from '../module.ts';
import type { RunResult } from '../prober.ts';

/** The output of `debug=true`, under blackbox_exporter's headings: the run's log, its metrics, the module. */
export function debugText(result: RunResult, metrics: string, module: ProbeModule): string {
  return [
    `Logs for the probe:\n${logText(result)}`,
    `Metrics that would have been returned:\n${metrics}`,
    `Module configuration:\n${module.redacted()}`,
  ].join('\n\n\n');
}

/** One logfmt line for each log entry, and the verdict. */
function logText({ log, verdict, startedAt, durationSeconds }: RunResult): string {
  const lines = log.map(({ at, message, fields }) =>
    logfmt({ time: new Date(startedAt + at).toISOString(), msg: message, ...fields }),
  );
  const end = new Date(startedAt + durationSeconds * 1_000).toISOString();
  const { status, ...why } = verdict;
  const last = logfmt({ time: end, msg: `Probe ended`, status, ...why, duration_seconds: durationSeconds });
  return `${[...lines, last].join('\n')}\n`;
}

/** @see https://brandur.org/logfmt */
function logfmt(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      return /[\s"=]|^$/.test(text) ? `${key}=${JSON.stringify(text)}` : `${key}=${text}`;
    })
    .join(' ');
}
