import { randomInt } from 'node:crypto';

/** Many enough that growing one of them is quick. */
const SHARDS = 256;
const FIRST_SLOTS = 16;
/** A slot: high, low, webhook (0: empty), and the id in two halves. */
const WORDS = 5;
const TWO_32 = 2 ** 32;

interface Key {
  readonly high: number;
  readonly low: number;
  readonly webhook: number;
}

type Hash = (key: Key) => number;

/**
 * The newest episode of every alert, by webhook and fingerprint. Kept in memory because fingerprints are random: an
 * index in the file would write a separate page for each new alert.
 */
export class IdentityIndex {
  /** Entries before each change since the last commit, to restore them after a rollback. */
  readonly #undo: { readonly key: Key; readonly id: number }[] = [];
  readonly #hash: Hash;
  readonly #shards: readonly Shard[];
  readonly #webhooks = new Set<number>();

  constructor() {
    // senders may choose fingerprints, and must not be able to cause collisions
    const seed = randomInt(TWO_32);
    this.#hash = ({ high, low, webhook }) => mix(mix(seed ^ high) ^ mix(low ^ webhook));
    // of different sizes, so that they do not all grow at the same time
    this.#shards = Array.from(
      { length: SHARDS },
      (_, i) => new Shard(this.#hash, FIRST_SLOTS + (i % FIRST_SLOTS)),
    );
  }

  /** @returns an id; 0 if not found */
  get(webhook: number, fingerprint: bigint): number {
    const key = keyOf(webhook, fingerprint);
    return this.#shard(key).get(key);
  }

  /** The newest episodes of an alert, of any webhook. */
  *inAllWebhooks(fingerprint: bigint): Generator<number> {
    for (const webhook of this.#webhooks) yield this.get(webhook, fingerprint);
  }

  /** @param id 0 deletes the entry */
  set(webhook: number, fingerprint: bigint, id: number): void {
    this.#webhooks.add(webhook);
    const key = keyOf(webhook, fingerprint);
    this.#undo.push({ key, id: this.#shard(key).put(key, id) });
  }

  /** Same as `set`, for an entry that is already on disk. */
  load(webhook: number, fingerprint: bigint, id: number): void {
    this.#webhooks.add(webhook);
    const key = keyOf(webhook, fingerprint);
    this.#shard(key).put(key, id);
  }

  savepoint(): () => void {
    const { length } = this.#undo;
    return () => {
      for (const { key, id } of this.#undo.splice(length).reverse()) this.#shard(key).put(key, id);
    };
  }

  /** Call after the commit. */
  applyCommitted(): void {
    this.#undo.length = 0;
  }

  #shard(key: Key): Shard {
    const number = this.#hash(key) >>> 24;
    const shard = this.#shards[number];
    if (shard === undefined) throw new Error(`shard ${number} does not exist`);
    return shard;
  }
}

function keyOf(webhook: number, fingerprint: bigint): Key {
  const low = Number(BigInt.asUintN(32, fingerprint));
  return { high: Number(BigInt.asUintN(32, fingerprint >> 32n)), low, webhook };
}

/** The finalizer of MurmurHash3. */
function mix(word: number): number {
  const first = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  const second = Math.imul(first ^ (first >>> 13), 0xc2b2ae35);
  return (second ^ (second >>> 16)) >>> 0;
}

/** Open addressing, 20 bytes a slot. */
class Shard {
  readonly #hash: Hash;
  #slots: number;
  #words: Uint32Array;
  #taken = 0;

  constructor(hash: Hash, slots: number) {
    this.#hash = hash;
    this.#slots = slots;
    this.#words = new Uint32Array(slots * WORDS);
  }

  get(key: Key): number {
    return this.#idAt(this.#find(key));
  }

  /** @returns the previous id */
  put(key: Key, id: number): number {
    const at = this.#find(key);
    const former = this.#idAt(at);
    if (this.#words[at + 2] === 0) {
      if (id === 0) return 0;
      this.#taken++;
    }
    this.#write(at, key, id);
    if (this.#taken * 3 > this.#slots * 2) this.#rebuild();
    return former;
  }

  /** The slot of the key, or the free slot for it. */
  #find(key: Key): number {
    const words = this.#words;
    const { high, low, webhook } = key;
    for (let slot = this.#hash(key) % this.#slots; ; slot = (slot + 1) % this.#slots) {
      const at = slot * WORDS;
      if (words[at + 2] === 0) return at;
      if (words[at] === high && words[at + 1] === low && words[at + 2] === webhook) return at;
    }
  }

  #idAt(at: number): number {
    return (this.#words[at + 4] ?? 0) * TWO_32 + (this.#words[at + 3] ?? 0);
  }

  #write(at: number, { high, low, webhook }: Key, id: number): void {
    this.#words[at] = high;
    this.#words[at + 1] = low;
    this.#words[at + 2] = webhook;
    this.#words[at + 3] = id % TWO_32;
    this.#words[at + 4] = Math.floor(id / TWO_32);
  }

  /** Grows the table, and drops deleted entries. */
  #rebuild(): void {
    const old = this.#words;
    const live: number[] = [];
    for (let at = 0; at < old.length; at += WORDS) if (this.#idAt(at) > 0) live.push(at);
    while (this.#slots < live.length * 2) this.#slots *= 2;
    this.#words = new Uint32Array(this.#slots * WORDS);
    this.#taken = live.length;
    for (const at of live) {
      const [high = 0, low = 0, webhook = 0] = old.subarray(at, at + WORDS);
      this.#words.set(old.subarray(at, at + WORDS), this.#find({ high, low, webhook }));
    }
  }
}
