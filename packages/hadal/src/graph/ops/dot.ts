/**
 * dot: the general product of two arrays, as general as StableHLO's dot_general so that its gradients are dots again.
 * Attributes: number of batch dimensions, number of contracting ones, then lhs batch, rhs batch, lhs contracting and rhs
 * contracting dimensions. The result is batch dimensions, then lhs free, then rhs free ones.
 */
import { type DotLayout, dotLayout, inversePermutation } from '../../base/attributes.js';
import { contiguousStrides } from '../../base/shape.js';
import type { ArrayOp, Operand, VjpContext } from '../op.js';
import { savesOther } from '../op.js';
import { flatIndex, forEachIndex, newArray } from './arrays.js';

/**
 * The gradient of one operand: g dotted with the other over the other's free dimensions, which gives batch, own free, and own
 * contracting dimensions in the other's order; then permuted to where they belong.
 */
function gradientOf<V extends Operand>(c: VjpContext<V>, g: V, l: DotLayout, side: 'lhs' | 'rhs'): V {
  const lhs = side === 'lhs';
  const other = c.input(lhs ? 1 : 0);
  const ownBatch = lhs ? l.lhsBatch : l.rhsBatch;
  const ownFree = lhs ? l.lhsFree : l.rhsFree;
  const ownContract = lhs ? l.lhsContract : l.rhsContract;
  const otherFree = lhs ? l.rhsFree : l.lhsFree;
  const otherContract = lhs ? l.rhsContract : l.lhsContract;
  const batch = upwards(0, ownBatch.length);
  const product = c.ops.dot(g, other, {
    lhsBatch: batch,
    rhsBatch: lhs ? l.rhsBatch : l.lhsBatch,
    lhsContract: upwards(batch.length + (lhs ? ownFree.length : 0), otherFree.length),
    rhsContract: otherFree,
  });
  // The product's last dimensions are the other's contracting ones in ascending order.
  const contract =
    otherContract.length > 1
      ? otherContract
          .map((d, i) => ({ d, own: ownContract[i] }))
          .sort((a, b) => a.d - b.d)
          .map(({ own }) => own)
      : ownContract;
  const order = inversePermutation([...ownBatch, ...ownFree, ...contract]);
  return order.every((d, i) => d === i) ? product : c.ops.permute(product, order);
}

/** `count` numbers from `first` on. */
function upwards(first: number, count: number): number[] {
  const numbers = new Array<number>(count);
  for (let i = 0; i < count; i++) numbers[i] = first + i;
  return numbers;
}

export const dot: ArrayOp = {
  kind: 'dot',
  name: 'dot',
  saves: savesOther,
  vjp: (c, g) => {
    const layout = dotLayout(c.attributes, c.inputShapes[0].length, c.inputShapes[1].length);
    return [
      c.needs[0] ? gradientOf(c, g, layout, 'lhs') : null,
      c.needs[1] ? gradientOf(c, g, layout, 'rhs') : null,
    ];
  },
  reference: ([a, b], attributes, shape, dtype) => {
    const l = dotLayout(attributes, a.shape.length, b.shape.length);
    const out = newArray(dtype, shape);
    const [sa, sb] = [contiguousStrides(a.shape), contiguousStrides(b.shape)];
    const contract = l.lhsContract.map((d) => a.shape[d]);
    const depth = contract.reduce((x, y) => x * y, 1);
    const offsetA = new Int32Array(depth);
    const offsetB = new Int32Array(depth);
    forEachIndex(contract, (k, flat) => {
      offsetA[flat] = flatIndex(
        l.lhsContract.map((d) => sa[d]),
        k,
      );
      offsetB[flat] = flatIndex(
        l.rhsContract.map((d) => sb[d]),
        k,
      );
    });
    const nb = l.lhsBatch.length;
    const nf = l.lhsFree.length;
    const strideA = [
      ...l.lhsBatch.map((d) => sa[d]),
      ...l.lhsFree.map((d) => sa[d]),
      ...l.rhsFree.map(() => 0),
    ];
    const strideB = [
      ...l.rhsBatch.map((d) => sb[d]),
      ...l.lhsFree.map(() => 0),
      ...l.rhsFree.map((d) => sb[d]),
    ];
    if (strideA.length !== nb + nf + l.rhsFree.length) throw new RangeError('dot: ranks disagree');
    const [x, y] = [a.data, b.data];
    forEachIndex(shape, (index, flat) => {
      const fromA = flatIndex(strideA, index);
      const fromB = flatIndex(strideB, index);
      if (x instanceof BigInt64Array && y instanceof BigInt64Array && out instanceof BigInt64Array) {
        let sum = 0n;
        for (let k = 0; k < depth; k++) sum += x[fromA + offsetA[k]] * y[fromB + offsetB[k]];
        out[flat] = sum;
        return;
      }
      let sum = 0;
      for (let k = 0; k < depth; k++) sum += Number(x[fromA + offsetA[k]]) * Number(y[fromB + offsetB[k]]);
      if (!(out instanceof BigInt64Array)) out[flat] = sum;
    });
    return out;
  },
};
