/**
 * Ops without array inputs.
 * - `buffer`: memory that is already there (a realised node becomes one).
 * - `constant`: a number baked into the kernel; attributes: its float64 bits as two int32 (see `numberBits`).
 * - `argument`: a number handed to the kernel at launch, no part of a plan's key. The node holds the value.
 * - `parameter`: what a region is traced with; it has a value in the steps of a scan only.
 * - `iota`: 0, 1, 2, ... along the dimension in the attributes.
 * - `random`: uniform float32 in [0, 1) from Threefry 2x32; inputs are three int32 arguments: two words of key and a stream number.
 *   Element i of the result depends on i, the key and the stream alone.
 */
import { bitsNumber } from '../../base/attributes.js';
import { InternalError } from '../../base/errors.js';
import { numel } from '../../base/shape.js';
import type { ArrayOp } from '../op.js';
import { savesNothing } from '../op.js';
import { forEachIndex, newArray } from './arrays.js';

/** Word 0 of a Threefry 2x32 block with 20 rounds; Salmon et al. 2011. All words are int32. */
export function threefry(key0: number, key1: number, counter0: number, counter1: number): number {
  let x = (counter0 + key0) | 0;
  let y = (counter1 + key1) | 0;
  // The three words of the key take turns.
  let [first, second, third] = [key1, 0x1bd11bda ^ key0 ^ key1, key0];
  for (let step = 1; step <= 5; step++) {
    // Four rounds written out, and twice: in a loop each took a table's entry and a remainder longer.
    if (step % 2 === 1) {
      x = (x + y) | 0;
      y = ((y << 13) | (y >>> 19)) ^ x;
      x = (x + y) | 0;
      y = ((y << 15) | (y >>> 17)) ^ x;
      x = (x + y) | 0;
      y = ((y << 26) | (y >>> 6)) ^ x;
      x = (x + y) | 0;
      y = ((y << 6) | (y >>> 26)) ^ x;
    } else {
      x = (x + y) | 0;
      y = ((y << 17) | (y >>> 15)) ^ x;
      x = (x + y) | 0;
      y = ((y << 29) | (y >>> 3)) ^ x;
      x = (x + y) | 0;
      y = ((y << 16) | (y >>> 16)) ^ x;
      x = (x + y) | 0;
      y = ((y << 24) | (y >>> 8)) ^ x;
    }
    x = (x + first) | 0;
    y = (y + second + step) | 0;
    [first, second, third] = [second, third, first];
  }
  return x;
}

function noReference(name: string): ArrayOp['reference'] {
  return () => {
    throw new InternalError(`${name} nodes hold their value; they are not computed`);
  };
}

export const sources = {
  buffer: {
    kind: 'source',
    name: 'buffer',
    saves: savesNothing,
    vjp: null,
    reference: noReference('buffer'),
  },
  argument: {
    kind: 'source',
    name: 'argument',
    saves: savesNothing,
    vjp: null,
    reference: noReference('argument'),
  },
  parameter: {
    kind: 'source',
    name: 'parameter',
    saves: savesNothing,
    vjp: null,
    reference: noReference('parameter'),
  },
  constant: {
    kind: 'source',
    name: 'constant',
    saves: savesNothing,
    vjp: null,
    reference: (_, [high, low], shape, dtype) => {
      const out = newArray(dtype, shape);
      const value = bitsNumber(high, low);
      return out instanceof BigInt64Array ? out.fill(BigInt(value)) : out.fill(value);
    },
  },
  iota: {
    kind: 'source',
    name: 'iota',
    saves: savesNothing,
    vjp: null,
    reference: (_, [dim], shape, dtype) => {
      const out = newArray(dtype, shape);
      forEachIndex(shape, (index, flat) => {
        if (out instanceof BigInt64Array) out[flat] = BigInt(index[dim]);
        else out[flat] = index[dim];
      });
      return out;
    },
  },
  random: {
    kind: 'random',
    name: 'random',
    saves: savesNothing,
    vjp: null,
    reference: ([key0, key1, stream], _, shape) => {
      const out = new Float32Array(numel(shape));
      const [k0, k1, s] = [key0, key1, stream].map((a) => Number(a.data[0]));
      for (let i = 0; i < out.length; i++) out[i] = (threefry(k0, k1, i | 0, s) >>> 8) * 2 ** -24;
      return out;
    },
  },
} as const satisfies Record<string, ArrayOp>;
