/** How much of an answer is created at a time: little enough to fit between two turns of the event loop. */
const CHUNK_BYTES = 64 * 1_024;

/** Joins pieces of text to chunks of about `CHUNK_BYTES`. */
export function* toChunks(pieces: Iterable<string>): Generator<Buffer, undefined> {
  let text = '';
  for (const piece of pieces) {
    text += piece;
    if (text.length < CHUNK_BYTES) continue;
    yield Buffer.from(text);
    text = '';
  }
  if (text !== '') yield Buffer.from(text);
}

/** JSON texts separated by commas. */
export function* commaSeparated(texts: Iterable<string>): Generator<string, undefined> {
  let separator = '';
  for (const text of texts) {
    yield separator + text;
    separator = ',';
  }
}
