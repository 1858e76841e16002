/** The rows of one query. */
export interface RowPage {
  /** As the API shows them, in JSON. */
  readonly rows: readonly string[];
  /** Where the next query continues; absent: where this one began. */
  readonly next?: string;
}

/** One query to the ledger. */
export interface RowPageQuery {
  readonly after?: string;
  readonly limit: number;
  /** The answer may end early once it has this size. */
  readonly maxBytes: number;
}

/** A part of a list. */
export interface PagedList {
  /** The member of the answer that holds its rows. */
  readonly name: string;
  /** The filter: with `name`, it distinguishes this query from others. */
  readonly filter: unknown;
  readonly after: string | undefined;
  readonly limit: number;
  readonly rows: (query: RowPageQuery) => Promise<RowPage>;
  /** Whether the list grows at its end, so that the place to continue from is returned at the end, too. */
  readonly grows?: boolean;
}

/** Runs work in its turn, shared with others that ask for the same. */
type QueryLedger = <Value>(key: string, work: () => Promise<Value>) => Promise<Value>;

/** Rows that are queried at a time, and the size at which a slice may have fewer. */
const SLICE_ROWS = 100;
const SLICE_BYTES = 64 * 1_024;
/** An answer ends at this size, whatever its limit; `next_after` says where to continue. */
const MAX_BYTES = 16 * 2 ** 20;

interface Slice {
  readonly chunk: Buffer;
  readonly rows: number;
  readonly next: string | undefined;
}

/** The answer `{"name":[…],"next_after":…}`, a slice at a time. */
export async function* listChunks(list: PagedList, ask: QueryLedger): AsyncGenerator<Buffer, undefined> {
  let [after, rest, bytes] = [list.after, list.limit, 0];
  for (;;) {
    const limit = Math.min(rest, SLICE_ROWS);
    const slice = await sliceOf(list, { after, limit }, ask);
    yield Buffer.from(bytes > 0 ? (slice.rows > 0 ? ',' : '') : `{"${list.name}":[`);
    if (slice.rows > 0) yield slice.chunk;
    after = slice.next ?? after;
    rest -= slice.rows;
    bytes += slice.chunk.byteLength + 1;
    const isLast = slice.rows < limit && slice.chunk.byteLength < SLICE_BYTES;
    if (!isLast && rest > 0 && bytes < MAX_BYTES) continue;
    const more = list.grows === true || (!isLast && (await sliceOf(list, { after, limit: 1 }, ask)).rows > 0);
    yield Buffer.from(`],"next_after":${JSON.stringify(more ? (after ?? null) : null)}}\n`);
    return;
  }
}

function sliceOf(
  list: PagedList,
  { after, limit }: { readonly after: string | undefined; readonly limit: number },
  ask: QueryLedger,
): Promise<Slice> {
  const { name, filter } = list;
  return ask(JSON.stringify([name, filter, after, limit]), async () => {
    const { rows, next } = await list.rows({
      limit,
      maxBytes: SLICE_BYTES,
      ...(after !== undefined && { after }),
    });
    return { chunk: Buffer.from(rows.join(',')), rows: rows.length, next };
  });
}
