import { describe, expect, it } from '@jest/globals';
import { Cancellation } from '../../src/domain/cancellation.ts';

describe('a cancellation', () => {
  it('notifies each listener once, and releases those that were removed', () => {
    const cancellation = new Cancellation();
    const told: string[] = [];
    const stays = () => told.push('stays');
    const leaves = () => told.push('leaves');
    cancellation.addEventListener('abort', stays);
    cancellation.addEventListener('abort', stays);
    cancellation.addEventListener('abort', leaves);
    cancellation.removeEventListener('abort', leaves);
    expect(cancellation.aborted).toBe(false);
    expect(() => cancellation.throwIfAborted()).not.toThrow();
    cancellation.abort();
    cancellation.abort();
    expect(told).toEqual(['stays']);
    expect(cancellation.aborted).toBe(true);
    expect(() => cancellation.throwIfAborted()).toThrow('aborted');
  });

  it('does not notify listeners that are added too late', () => {
    const cancellation = new Cancellation();
    cancellation.abort();
    cancellation.addEventListener('abort', () => {
      throw new Error('told');
    });
    cancellation.abort();
    expect(cancellation.aborted).toBe(true);
  });

  it('allows listeners to be removed during notification', () => {
    const cancellation = new Cancellation();
    const told: number[] = [];
    const first = () => {
      told.push(1);
      cancellation.removeEventListener('abort', first);
    };
    cancellation.addEventListener('abort', first);
    cancellation.addEventListener('abort', () => told.push(2));
    cancellation.abort();
    expect(told).toEqual([1, 2]);
  });
});
