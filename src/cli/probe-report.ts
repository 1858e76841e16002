import { printable, printableJson } from '../domain/printable.ts';
import { samplesText, type ProbeReport } from '../app/commands/probe-once.ts';

const PHASES = ['resolve', 'connect', 'tls', 'processing', 'transfer'] as const;
const WIDTH = 40;

/** A run for programs: one JSON object on one line. Times are seconds, absent where a phase was not reached. */
export function reportJson({ module, prober, target, result, certificates, samples }: ProbeReport): string {
  const { verdict, startedAt, durationSeconds, phases, log } = result;
  const report = {
    target,
    module,
    prober,
    ...verdict,
    started_at: new Date(startedAt).toISOString(),
    duration_seconds: durationSeconds,
    phases,
    certificates: certificates.map((one) => ({
      subject: one.subject,
      issuer: one.issuer,
      names: one.names,
      valid_from: one.validFrom,
      valid_to: one.validTo,
      serial_number: one.serialNumber,
      fingerprint_sha256: one.fingerprintSha256,
    })),
    log: log.map(({ at, message, fields }) => ({ at_seconds: at / 1_000, message, ...fields })),
    metrics: samples.map(({ family, labels, value }) => ({ name: family.name, labels, value })),
  };
  return `${printableJson(report)}\n`;
}

/** A run for people: phases as a waterfall, certificates, log, metrics, and the verdict last. */
export function reportText(report: ProbeReport): string {
  const { module, prober, target, result, samples } = report;
  const sections = [
    `${printable(target)}  (module ${printable(module)}, prober ${prober})\n`,
    waterfall(report),
    chainText(report),
    section(
      'Log',
      result.log.map(({ at, message, fields }) => `${milliseconds(at)}  ${message}${fieldsText(fields)}`),
    ),
    section(
      'Metrics',
      samplesText(samples)
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#')),
    ),
    verdictText(report),
  ];
  return sections.filter((text) => text !== '').join('\n');
}

function section(title: string, lines: readonly string[]): string {
  // logs, names and labels contain text of the target
  return lines.length === 0 ? '' : `${title}\n${lines.map((line) => `  ${printable(line)}\n`).join('')}`;
}

/** Each phase that was reached as a bar at its position within the run. */
function waterfall({ result: { phases, durationSeconds } }: ProbeReport): string {
  const total = Math.max(durationSeconds, Number.MIN_VALUE);
  let before = 0;
  const lines = PHASES.flatMap((phase) => {
    const seconds = phases[phase];
    if (seconds === undefined) return [];
    const from = Math.min(WIDTH - 1, Math.floor((before / total) * WIDTH));
    before += seconds;
    const to = Math.min(WIDTH, Math.max(from + 1, Math.round((before / total) * WIDTH)));
    const bar = `${' '.repeat(from)}${'█'.repeat(to - from)}`.padEnd(WIDTH);
    return [`${phase.padEnd(10)} ${milliseconds(seconds * 1_000)} │${bar}│`];
  });
  return section('Phases', [...lines, `${'total'.padEnd(10)} ${milliseconds(durationSeconds * 1_000)}`]);
}

function chainText({ certificates }: ProbeReport): string {
  const lines = certificates.flatMap(({ subject, issuer, names, validFrom, validTo }, index) => [
    `${index}  ${subject === '' ? '(no subject)' : subject}`,
    `   issued by ${issuer}`,
    ...(names === '' ? [] : [`   for ${names}`]),
    `   valid from ${validFrom} to ${validTo}`,
  ]);
  return section('Certificates', lines);
}

function verdictText({ result: { verdict } }: ProbeReport): string {
  if (verdict.status === 'success') return 'success\n';
  return `${printable(`${verdict.status}: ${verdict.reason}: ${verdict.text}`)}\n`;
}

function milliseconds(ms: number): string {
  return `${ms.toFixed(1).padStart(9)} ms`;
}

function fieldsText(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join('');
}
