import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';

/** Standard output or another stream that has a file descriptor. */
export type OutputStream = Writable & { readonly fd?: number };

export interface OutputOptions {
  readonly stream: OutputStream;
  /** A line could not be written and is lost. */
  readonly onDropped: () => void;
  /** Lines for a person instead of JSON. */
  readonly format?: (line: string) => string;
  /** Bytes that may wait to be written. */
  readonly maxWaiting?: number;
}

/** The destination of pino's lines. */
export interface LineOutput {
  write(line: string): void;
}

const MAX_WAITING = 2 ** 20;

/**
 * Writes log lines and never waits nor throws: a reader that stops, or a full disk, costs lines and not the process.
 * Lines that cannot be written are counted, and the count is the first line once writing works again.
 */
export function createOutput({ stream, onDropped, format = asIs, maxWaiting }: OutputOptions): LineOutput {
  const target =
    stream instanceof Socket || stream.fd === undefined
      ? new StreamTarget(stream, maxWaiting ?? MAX_WAITING)
      : new FileTarget(stream.fd);
  let dropped = 0;
  const report = () => {
    if (dropped > 0 && target.write(format(droppedLine(dropped)))) dropped = 0;
    return dropped === 0;
  };
  target.onReady(report);
  return {
    write: (line) => {
      if (report() && target.write(format(line))) return;
      dropped += 1;
      onDropped();
    },
  };
}

function asIs(line: string): string {
  return line;
}

/** In pino's format. */
function droppedLine(lines: number): string {
  const time = new Date().toISOString();
  const msg = 'log lines were lost: standard output was read too slowly, or could not be written';
  return `${JSON.stringify({ level: 'warn', time, lines, msg })}\n`;
}

interface LineTarget {
  /** @returns false where nothing was written */
  write(text: string): boolean;
  /** Calls back when writing is possible again after it was not. */
  onReady(ready: () => void): void;
}

/** A pipe, a socket or a terminal: the system takes what it has room for, the rest waits here. */
class StreamTarget implements LineTarget {
  readonly #stream: Writable;
  readonly #maxWaiting: number;
  /** Set at the limit, until everything that waits is written: lines are lost in one stretch, not singly. */
  #full = false;
  #ready: () => void = () => undefined;
  readonly #taken = () => {
    if (!this.#full || this.#stream.writableLength > 0) return;
    this.#full = false;
    this.#ready();
  };

  constructor(stream: Writable, maxWaiting: number) {
    this.#stream = stream;
    this.#maxWaiting = maxWaiting;
  }

  write(text: string): boolean {
    if (!this.#stream.writable) return false;
    this.#full ||= this.#stream.writableLength + text.length > this.#maxWaiting;
    if (this.#full) return false;
    this.#stream.write(text, this.#taken);
    return true;
  }

  onReady(ready: () => void): void {
    this.#ready = ready;
  }
}

/** A file. Not through Node's stream, which cannot be used after one failed write. */
class FileTarget implements LineTarget {
  readonly #fd: number;
  /** The last line was cut off: the next one must begin on a new line. */
  #torn = false;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(text: string): boolean {
    const bytes = Buffer.from(this.#torn ? `\n${text}` : text);
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(this.#fd, bytes, written);
    } catch {
      this.#torn ||= written > 0;
      return false;
    }
    this.#torn = false;
    return true;
  }

  /** Not used: the next write finds out. */
  onReady(): void {}
}
