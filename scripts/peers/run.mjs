import { execFile } from 'node:child_process';

/**
 * Runs a command and resolves to its output. A failed one rejects with the end of its output.
 * @param options of `child_process.execFile`; `ok` lists further exit codes that count as success
 */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const limits = { maxBuffer: 64 * 1024 * 1024, timeout: 600_000 };
    execFile(command, args, { ...limits, ...options }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout === '' ? stderr : stdout);
      else
        reject(
          new Error(
            `\`${[command, ...args].join(' ')}\` failed: ${tail(stderr) || tail(stdout) || error.message}`,
          ),
        );
    });
  });
}

function tail(text) {
  return text.trim().split('\n').slice(-5).join(' | ');
}
