/** What every engine must give bit for bit: the reference's results. */

import { expect, test } from 'vitest';
import type { DType, Tensor, TypedArray } from '../../src/index.js';
import { fromTypedArray } from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import type { TestEngine } from '../support/engines.js';
import { openWorkspace, testEngines } from '../support/engines.js';

const isFloating = (dtype: DType): boolean => dtype.includes('float');

/** Elements of a dtype with many duplicates; floats have NaN, infinities and both zeros among them, integers their extremes. */
export function elements(dtype: DType, shape: readonly number[], seed = 1): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 8;
  };
  const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0];
  const float = (): number => {
    const n = next();
    return n % 11 === 0 ? special[n % 5] : ((n % 64) - 32) / 8;
  };
  const whole = (): number => {
    const n = next();
    return n % 13 === 0 ? ((n % 2) * 2 - 1) * 2 ** 40 : (n % 40) - 20;
  };
  const data = isFloating(dtype)
    ? Float64Array.from({ length: count }, float)
    : BigInt64Array.from({ length: count }, () => BigInt(whole()));
  return fromTypedArray(data, [...shape]).to(dtype);
}

/** Elements without NaN and infinities. */
export function finite(dtype: DType, shape: readonly number[], seed = 1): Tensor {
  const x = elements(dtype, shape, seed);
  return isFloating(dtype) ? x.nanToNum({ posinf: 3, neginf: -5 }) : x;
}

function computed(engine: TestEngine, make: () => readonly Tensor[]): readonly TypedArray[] | string {
  const opened = openWorkspace(engine);
  if (!opened.ok) return opened.reason;
  return withWorkspace(opened.space, () => make().map((t) => t.dataSync()));
}

/**
 * A test an engine: what `make` gives is the same as on the reference, and runs as kernels alone.
 *
 * @param rounding how far apart results may be that are sums in no order which engines have in common
 */
export function sameOnAllEngines(name: string, make: () => readonly Tensor[], rounding = 0): void {
  const wanted = computed('reference', make);
  for (const engine of testEngines) {
    if (engine === 'reference') continue;
    test(`${name} on ${engine}`, (context) => {
      const got = computed(engine, make);
      if (typeof got === 'string') {
        context.skip();
        return;
      }
      if (rounding === 0 || typeof wanted === 'string') {
        expect(got).toEqual(wanted);
        return;
      }
      got.forEach((data, i) => {
        expect(data).toHaveLength(wanted[i].length);
        data.forEach((v, at) => {
          expect(Math.abs(Number(v) - Number(wanted[i][at]))).toBeLessThanOrEqual(rounding);
        });
      });
    });
  }
}
