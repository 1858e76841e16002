import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openTestStore, temporaryDirectory, type TestStore } from '../support/ledger/ledger.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let store: TestStore;

beforeEach(() => {
  directory = temporaryDirectory();
  store = openTestStore(join(directory.path, 'tocsin.db'));
});
afterEach(() => {
  store.close();
  directory.remove();
});

const append = (count: number) =>
  store.calls.append(
    Array.from({ length: count }, () => ({ type: 'tocsin.config.reloaded' as const, time: 0, data: {} })),
  );
const at = (offset: number) => `${store.summary().epoch}-${offset}`;

describe('the position of a sink', () => {
  it('starts at the newest event when the sink is first seen, and stays', async () => {
    await append(3);
    expect(await store.calls.openSink('bus')).toBe(at(3));
    await append(2);
    expect(await store.calls.openSink('bus')).toBe(at(3));
    expect(await store.calls.openSink('other')).toBe(at(5));
  });

  it('survives a restart', async () => {
    await append(5);
    await store.calls.openSink('bus');
    await store.calls.saveSink({ sink: 'bus', after: at(4), refused: [] });
    store.close();
    store = openTestStore(join(directory.path, 'tocsin.db'));
    expect(await store.calls.openSink('bus')).toBe(at(4));
  });
});

describe('the dead letters of a sink', () => {
  it('are kept once per event, newest first', async () => {
    const refused = [
      { id: at(1), at: 10, reason: 'first' },
      { id: at(2), at: 20, reason: 'second' },
    ];
    await store.calls.saveSink({ sink: 'bus', after: at(2), refused });
    await store.calls.saveSink({ sink: 'bus', after: at(2), refused });
    await store.calls.saveSink({ sink: 'other', after: at(2), refused: [] });
    expect(await store.calls.deadLetters('bus')).toEqual([...refused].reverse());
    expect(await store.calls.deadLetters('other')).toEqual([]);
  });

  it('are limited to the last thousand', async () => {
    const refused = Array.from({ length: 1_500 }, (_, i) => ({ id: at(i + 1), at: i, reason: 'no' }));
    await store.calls.saveSink({ sink: 'bus', after: at(1_500), refused });
    const kept = await store.calls.deadLetters('bus');
    expect([kept.length, kept[0]?.id, kept.at(-1)?.id]).toEqual([1_000, at(1_500), at(501)]);
  });
});
