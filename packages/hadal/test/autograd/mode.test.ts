import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import {
  autograd,
  enableGrad,
  inferenceMode,
  isGradEnabled,
  isInferenceModeEnabled,
  noGrad,
  ones,
  setGradEnabled,
} from '../../src/index.js';

describe('grad mode', () => {
  test('scopes nest and end', () => {
    const seen: boolean[] = [];
    noGrad(() => {
      seen.push(isGradEnabled());
      enableGrad(() => seen.push(isGradEnabled()));
      seen.push(isGradEnabled());
    });
    expect([...seen, isGradEnabled()]).toEqual([false, true, false, true]);
  });

  test('ends with an exception', () => {
    expect(() =>
      noGrad(() => {
        throw new Error('stop');
      }),
    ).toThrow('stop');
    expect(isGradEnabled()).toBe(true);
  });

  test('inferenceMode records nothing', () => {
    const w = ones([1]).requiresGrad_();
    const [y, on] = inferenceMode(() => [w.mul(2), isInferenceModeEnabled()] as const);
    expect([y.requiresGrad, on, isInferenceModeEnabled()]).toEqual([false, true, false]);
    // A result may be used on the tape afterwards.
    y.mul(w).sum().backward();
    expect(w.grad?.tolistSync()).toEqual([2]);
  });

  test('setGradEnabled holds for its function, for the rest of a scope, or for good', () => {
    expect(setGradEnabled(false, () => isGradEnabled())).toBe(false);
    expect(isGradEnabled()).toBe(true);
    noGrad(() => {
      setGradEnabled(true);
      expect(isGradEnabled()).toBe(true);
    });
    setGradEnabled(false);
    expect(isGradEnabled()).toBe(false);
    setGradEnabled(true);
    expect(isGradEnabled()).toBe(true);
  });
});

describe('asynchronous scopes', () => {
  test('hold after an await, and do not hold for what runs in between', async () => {
    const seen: boolean[] = [];
    const done = noGrad(async () => {
      seen.push(isGradEnabled());
      await wait(5);
      seen.push(isGradEnabled());
      enableGrad(() => seen.push(isGradEnabled()));
      seen.push(isGradEnabled());
    });
    expect(isGradEnabled()).toBe(true);
    await wait(1);
    expect(isGradEnabled()).toBe(true);
    await done;
    expect(isGradEnabled()).toBe(true);
    expect(seen).toEqual([false, false, true, false]);
  });

  test('that overlap each keep their own, whichever ends first', async () => {
    const modes: { [name: string]: boolean[] } = { a: [], b: [], c: [] };
    const scope = (name: string, mode: boolean, pauses: readonly number[]) =>
      setGradEnabled(mode, async () => {
        for (const pause of pauses) {
          await wait(pause);
          modes[name].push(isGradEnabled());
        }
      });
    const a = scope('a', false, [2, 2]);
    const b = scope('b', false, [1, 8]);
    const c = scope('c', true, [3, 3, 3]);
    await a;
    expect(isGradEnabled()).toBe(true);
    await Promise.all([b, c]);
    expect(modes).toEqual({ a: [false, false], b: [false, false], c: [true, true, true] });
    expect(isGradEnabled()).toBe(true);
  });

  test('that nest give way to each other', async () => {
    const seen = await noGrad(async () => {
      const inner = await enableGrad(async () => {
        await wait(1);
        return isGradEnabled();
      });
      return [inner, isGradEnabled()];
    });
    expect(seen).toEqual([true, false]);
  });

  test('setGradEnabled in one stays there', async () => {
    const seen = await noGrad(async () => {
      await wait(1);
      setGradEnabled(true);
      await wait(1);
      return isGradEnabled();
    });
    expect(seen).toBe(true);
    const other = noGrad(async () => {
      await wait(2);
      return isGradEnabled();
    });
    expect([isGradEnabled(), await other]).toEqual([true, false]);
  });

  test('that fail end too', async () => {
    const failed = noGrad(async () => {
      await wait(1);
      throw new Error('stop');
    });
    await expect(failed).rejects.toThrow('stop');
    expect(isGradEnabled()).toBe(true);
  });

  test('a synchronous scope inside of an asynchronous one is over at its end', async () => {
    const w = ones([1]).requiresGrad_();
    const recorded = await noGrad(async () => {
      await wait(1);
      // A view and a backward pass set the mode for themselves.
      autograd.grad(
        enableGrad(() => w.reshape([1, 1]).mul(w)),
        w,
      );
      return w.mul(2).requiresGrad;
    });
    expect(recorded).toBe(false);
  });
});
