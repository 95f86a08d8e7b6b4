import { describe, expect, test } from 'vitest';
import { ArgumentError, HadalError } from '../../src/base/errors.js';
import { type AsyncDataset, DataLoader, type Dataset } from '../../src/data/index.js';
import type { Tensor } from '../../src/tensor/index.js';

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Samples that come after a while, later ones sooner, and how many are waited for at a time. */
class Slow implements AsyncDataset<number> {
  readonly length: number;
  inFlight = 0;
  most = 0;
  begun = 0;
  readonly signals: AbortSignal[] = [];
  readonly fails: number | undefined;

  constructor(length: number, fails?: number) {
    this.length = length;
    this.fails = fails;
  }

  async get(index: number, signal?: AbortSignal): Promise<number> {
    this.begun++;
    this.inFlight++;
    this.most = Math.max(this.most, this.inFlight);
    if (signal !== undefined) this.signals.push(signal);
    await sleep(index % 2 === 0 ? 6 : 1);
    this.inFlight--;
    if (index === this.fails) throw new Error('the disk is gone');
    return index;
  }
}

const values = (x: Tensor) => Array.from(x.dataSync(), Number);

describe('DataLoader over a dataset that answers later', () => {
  test.each([0, 1, 2, 5, 100])(
    'gives batches in order with prefetch %d, and no more are in flight',
    async (prefetch) => {
      const data = new Slow(21);
      const seen: number[] = [];
      for await (const x of new DataLoader(data, { batchSize: 2, prefetch })) {
        seen.push(...values(x));
        await sleep(1);
      }
      expect(seen).toEqual(Array.from({ length: 21 }, (_, i) => i));
      expect(data.most).toBeLessThanOrEqual(2 * Math.max(prefetch, 1));
      if (prefetch === 5) expect(data.most).toBeGreaterThan(2);
    },
  );

  test('an error comes where its batch would have', async () => {
    for (const prefetch of [0, 3]) {
      const seen: number[] = [];
      const run = async () => {
        for await (const x of new DataLoader(new Slow(12, 5), { batchSize: 2, prefetch }))
          seen.push(...values(x));
      };
      await expect(run()).rejects.toThrow("the dataset's get(5) failed: the disk is gone");
      expect(seen).toEqual([0, 1, 2, 3]);
    }
  });

  test('leaving the loop begins no more and tells those in flight', async () => {
    const data = new Slow(100);
    for await (const x of new DataLoader(data, { batchSize: 1, prefetch: 4 })) {
      if (values(x)[0] === 2) break;
    }
    const { begun } = data;
    await sleep(20);
    expect(data.begun).toBe(begun);
    expect(begun).toBeLessThanOrEqual(8);
    expect(data.signals.every((signal) => signal.aborted)).toBe(true);
  });

  test('for without await says what to do', () => {
    expect(() => [...new DataLoader(new Slow(3))]).toThrow(ArgumentError);
    expect(() => [...new DataLoader(new Slow(3))]).toThrow('iterate with `for await`');
  });

  test('getBatch and collate may be asynchronous', async () => {
    const batches: AsyncDataset<number> = {
      length: 4,
      get: (i) => i,
      getBatch: async (indices) =>
        new DataLoader({ length: 4, get: (i) => i }, { batchSize: indices.length })[Symbol.iterator]().next()
          .value as Tensor,
    };
    for await (const x of new DataLoader(batches, { batchSize: 4, prefetch: 1 }))
      expect(values(x)).toEqual([0, 1, 2, 3]);
    const joined = new DataLoader(
      { length: 2, get: (i) => i },
      { batchSize: 2, collate: async (all) => all.join() },
    );
    for await (const text of joined) expect(text).toBe('0,1');
  });
});

describe('DataLoader', () => {
  test('names the index of a sample that fails', () => {
    const cause = new TypeError('no such file');
    const data: Dataset<number> = {
      length: 5,
      get: (i) => {
        if (i === 3) throw cause;
        return i;
      },
    };
    const error = (() => {
      try {
        return [...new DataLoader(data, { batchSize: 2 })];
      } catch (e) {
        return e;
      }
    })();
    expect(error).toBeInstanceOf(HadalError);
    expect((error as Error).message).toBe("DataLoader: the dataset's get(3) failed: no such file");
    expect((error as Error).cause).toBe(cause);
  });

  test('collates tuples of tuples', () => {
    const data: Dataset<[[number, bigint], Float32Array]> = {
      length: 3,
      get: (i) => [[i, BigInt(i)], Float32Array.of(i, i)],
    };
    const [batch] = [...new DataLoader(data, { batchSize: 3 })];
    const [[a, b], c] = batch;
    expect([a.dtype, b.dtype, c.shape]).toEqual(['float32', 'int64', [3, 2]]);
  });

  test.each([false, true])('goes on in the middle of an epoch (shuffle %s)', async (shuffle) => {
    const make = () =>
      new DataLoader({ length: 11, get: (i: number) => i }, { batchSize: 2, shuffle, seed: 4 });
    const whole = make();
    const epochs = [0, 1, 2].map(() => [...whole].map(values));
    for (let stop = 0; stop <= 6; stop++) {
      const first = make();
      for (const _ of first);
      const seen: number[][] = [];
      let state = first.state();
      expect(state).toEqual({ epoch: 1, batch: 0, batches: 6 });
      for (const x of first) {
        if (seen.length === stop) break;
        seen.push(values(x));
        state = first.state();
      }
      const second = make();
      second.loadState(JSON.parse(JSON.stringify(state)) as typeof state);
      for await (const x of second) seen.push(values(x));
      expect(seen).toEqual(epochs[1]);
      for (const x of second) seen.push(values(x));
      expect(seen.slice(6)).toEqual(epochs[2]);
    }
  });

  test('refuses the state of other data', () => {
    const loader = new DataLoader({ length: 11, get: (i: number) => i }, { batchSize: 2 });
    expect(() => loader.loadState({ epoch: 0, batch: 1, batches: 5 })).toThrow(
      '5 batches an epoch, this one has 6',
    );
    expect(() => loader.loadState({ epoch: 0, batch: 9, batches: 6 })).toThrow(
      'batch must be an integer from 0 to 6',
    );
  });

  test.each<[string, object, string]>([
    [
      'a sampler and shuffle',
      { sampler: { length: 1, indices: () => [0] }, shuffle: true },
      'sampler decides what shuffle would',
    ],
    [
      'a batch sampler and a size',
      { batchSampler: { length: 1, batches: () => [[0]] }, batchSize: 2 },
      'batchSampler decides what batchSize would',
    ],
    ['prefetch of -1', { prefetch: -1 }, 'prefetch must be an integer from 0'],
    ['prefetch NaN', { prefetch: Number.NaN }, 'got NaN'],
  ])('refuses %s', (_, options, message) => {
    const make = () => new DataLoader({ length: 3, get: (i: number) => i }, options);
    expect(make).toThrow(ArgumentError);
    expect(make).toThrow(message);
  });

  test('refuses indices of a sampler that are not of the dataset', () => {
    const sampler = { length: 2, indices: () => [0, 3] };
    const loader = new DataLoader({ length: 3, get: (i: number) => i }, { sampler, batchSize: 2 });
    expect(() => [...loader]).toThrow('index 3 (number 1)');
  });

  test('takes batches of any size from a batch sampler', () => {
    const batchSampler = { length: 2, batches: () => [[2], [0, 1]] };
    const loader = new DataLoader({ length: 3, get: (i: number) => i }, { batchSampler });
    expect([...loader].map(values)).toEqual([[2], [0, 1]]);
  });
});
