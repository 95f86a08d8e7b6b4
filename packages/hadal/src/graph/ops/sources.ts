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

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24];

/** Word 0 of a Threefry 2x32 block with 20 rounds; Salmon et al. 2011. All words are int32. */
export function threefry(key0: number, key1: number, counter0: number, counter1: number): number {
  const keys = [key0, key1, 0x1bd11bda ^ key0 ^ key1];
  let x = (counter0 + keys[0]) | 0;
  let y = (counter1 + keys[1]) | 0;
  for (let round = 0; round < 20; round++) {
    x = (x + y) | 0;
    const by = ROTATIONS[round % 8];
    y = ((y << by) | (y >>> (32 - by))) ^ x;
    if (round % 4 === 3) {
      const step = (round + 1) / 4;
      x = (x + keys[step % 3]) | 0;
      y = (y + keys[(step + 1) % 3] + step) | 0;
    }
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
