/** Running reductions: what a pass over a row or a column carries from element to element. */
import type { DType } from '../../base/dtype.js';
import { dtypeInfo, isFloat } from '../../base/dtype.js';
import { InternalError } from '../../base/errors.js';
import { fitToDType, kinds } from '../elements.js';
import type { Stage } from '../l2.js';
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';

/** A running reduction: how its accumulators start, take one more value, and end. */
export interface Accumulator {
  readonly width: number;
  start(lanes: number): Value[];
  step(acc: readonly Value[], value: Value, mask: Value | null, position: Value | null): Value[];
  /** One accumulator of two that went over different elements of a row. */
  join(a: readonly Value[], b: readonly Value[]): Value[];
  /** Joins the accumulators of all lanes and those of a scalar tail. */
  finish(vector: readonly Value[] | null, scalar: readonly Value[] | null): Value;
  /** Whether blocks start from nothing and are added to a total, so that a long sum keeps its digits. */
  readonly inBlocks?: boolean;
  /** Called at the end of a block, or of a block of blocks, by accumulators that keep their values in memory. */
  endBlock?(which: 'block' | 'blocks'): void;
}

/**
 * Steps that add up from zero before they join the sum of 128 blocks, which joins the total: the rounding errors of n numbers grow as
 * n / 128^2 + 256, not as n.
 */
export const BLOCK = 128;

export function accumulator(b: L3Builder, stage: Stage): Accumulator {
  const kind = kinds[stage.dtype];
  const constant = (lanes: number, value: number | bigint): Value => b.spread(b.constant(kind, value), lanes);
  const keep = (mask: Value | null, next: Value, old: Value): Value =>
    mask ? b.select(mask, next, old) : next;

  if (stage.op === 'sum') {
    if (kind === 'mask') throw new InternalError('bools are summed as integers');
    const wrap = (v: Value): Value => (isFloat(stage.dtype) ? v : fitToDType(b, v, stage.dtype));
    return {
      width: 1,
      inBlocks: isFloat(stage.dtype),
      start: (lanes) => [constant(lanes, kind === 'i64' ? 0n : 0)],
      step: ([acc], value, mask) => [keep(mask, wrap(b.add(acc, value)), acc)],
      join: ([p], [q]) => [wrap(b.add(p, q))],
      finish: (vector, scalar) => {
        if (vector === null) return known1(scalar);
        const joined = b.horizontal('add', vector[0]);
        return wrap(scalar === null ? joined : b.add(joined, scalar[0]));
      },
    };
  }
  if (stage.op === 'prod') {
    return {
      width: 1,
      start: (lanes) => [constant(lanes, kind === 'i64' ? 1n : 1)],
      step: ([acc], value) => {
        const next = b.mul(acc, value);
        return [isFloat(stage.dtype) ? next : fitToDType(b, next, stage.dtype)];
      },
      join: oneByOne,
      finish: (_, scalar) => known1(scalar),
    };
  }
  if (stage.op === 'argmax') {
    const lowest = extreme(stage.dtype, 'min');
    return {
      width: 2,
      start: (lanes) => [constant(lanes, lowest), b.constant('i64', 0n)],
      step: ([best, at], value, mask, position) => {
        if (position === null || mask !== null) throw new InternalError('argmax runs one element at a time');
        let better = b.compare('lt', best, value);
        if (isFloat(stage.dtype)) {
          const firstNaN = b.binary('and', b.compare('ne', value, value), b.compare('eq', best, best));
          better = b.binary('or', better, firstNaN);
        }
        return [b.select(better, value, best), b.select(better, b.convert('i64', position), at)];
      },
      join: oneByOne,
      finish: (_, scalar) => {
        if (scalar === null) throw new InternalError('argmax runs one element at a time');
        return scalar[1];
      },
    };
  }
  // max and min: NaN never enters the extremum (L3's max gives its second operand) but is remembered beside it.
  const fn = stage.op;
  const identity = extreme(stage.dtype, fn === 'max' ? 'min' : 'max');
  if (!isFloat(stage.dtype)) {
    return {
      width: 1,
      start: (lanes) => [constant(lanes, identity)],
      step: ([acc], value, mask) => [keep(mask, b.binary(fn, value, acc), acc)],
      join: ([p], [q]) => [b.binary(fn, p, q)],
      finish: (vector, scalar) => {
        if (vector === null) return known1(scalar);
        const joined = b.horizontal(fn, vector[0]);
        return scalar === null ? joined : b.binary(fn, joined, scalar[0]);
      },
    };
  }
  // Of 0 and -0 the one that wins depends on the order in which lanes are compared: adding 0 makes either 0.
  const poison = (best: Value, nan: Value): Value =>
    b.select(b.compare('ne', nan, nan), nan, b.add(best, b.like(best, 0)));
  return {
    width: 2,
    start: (lanes) => [constant(lanes, identity), constant(lanes, 0)],
    step: ([best, nan], value, mask) => [
      keep(mask, b.binary(fn, value, best), best),
      keep(mask, b.select(b.compare('ne', value, value), value, nan), nan),
    ],
    join: (p, q) => [b.binary(fn, p[0], q[0]), b.add(p[1], q[1])],
    finish: (vector, scalar) => {
      if (vector === null) {
        if (scalar === null) throw new InternalError('a reduction without accumulators');
        return poison(scalar[0], scalar[1]);
      }
      let best = b.horizontal(fn, vector[0]);
      let nan = b.horizontal('add', vector[1]);
      if (scalar !== null) {
        best = b.binary(fn, best, scalar[0]);
        nan = b.add(nan, scalar[1]);
      }
      return poison(best, nan);
    },
  };
}

/** The least or greatest value that a dtype has. */
export function extreme(dtype: DType, which: 'min' | 'max'): number | bigint {
  if (isFloat(dtype)) return which === 'min' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const value = dtypeInfo[dtype][which];
  return kinds[dtype] === 'i64' ? BigInt(value) : value;
}

function oneByOne(): never {
  throw new InternalError('a reduction that takes one element at a time has one accumulator');
}

function known1(values: readonly Value[] | null): Value {
  if (values === null) throw new InternalError('a reduction without accumulators');
  return values[0];
}
