import { Readable } from 'node:stream';

/** Receives a body. Exactly one of `end` and `failed` is called, once. */
export interface BodySink {
  data(content: Buffer): void;
  end(): void;
  failed(error: unknown): void;
}

/** The origin of a body. */
export interface BodySource {
  /** Starts delivery; called once. */
  read(sink: BodySink): void;
  pause(): void;
  resume(): void;
}

/** A stream as a source. */
export function streamSource(stream: Readable): BodySource {
  return {
    read: (sink) => {
      let over = false;
      const once = (notify: () => void): void => {
        if (!over) notify();
        over = true;
      };
      stream.on('data', (content: Buffer) => {
        if (!over) sink.data(content);
      });
      stream.once('end', () => once(() => sink.end()));
      stream.on('error', (error) => once(() => sink.failed(error)));
      stream.once('close', () => once(() => sink.failed(new Error('closed before its end'))));
    },
    pause: () => void stream.pause(),
    resume: () => void stream.resume(),
  };
}

/** A source as a stream that respects back pressure. */
export function sourceStream(source: BodySource): Readable {
  let started = false;
  const stream = new Readable({
    read: () => {
      if (started) source.resume();
      else {
        started = true;
        source.read({
          data: (content) => {
            if (!stream.push(content)) source.pause();
          },
          end: () => stream.push(null),
          failed: (error) => stream.destroy(error instanceof Error ? error : new Error(String(error))),
        });
      }
    },
  });
  return stream;
}
