import { Readable } from 'node:stream';

/** Who takes a body in. Exactly one of `end` and `failed` is called, once. */
export interface BodySink {
  data(content: Buffer): void;
  end(): void;
  failed(error: unknown): void;
}

/** Where a body comes from. */
export interface BodySource {
  /** Begins to hand it over; called once. */
  read(sink: BodySink): void;
  pause(): void;
  resume(): void;
}

/** A stream as a source. */
export function streamSource(stream: Readable): BodySource {
  return {
    read: (sink) => {
      let over = false;
      const once = (tell: () => void): void => {
        if (!over) tell();
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

/** A source as a stream, which does not take more than is wanted of it. */
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
