/**
 * Lowers a scan to L3. Elements are taken in along the line one after the other, so that the result does not depend on the machine;
 * floats run in float64 and each result is rounded once, as in PyTorch.
 *
 * Where the line is not the last dimension, neighbouring lines are walked together: their elements lie side by side in memory, and
 * their sums do not wait for each other.
 */
import type { DType } from '../../base/dtype.js';
import { isFloat } from '../../base/dtype.js';
import { InternalError } from '../../base/errors.js';
import { dependences } from '../dependence.js';
import { fitToDType, kinds, memTypeOf } from '../elements.js';
import type { ScanKernel } from '../l2.js';
import type { AbstractKernel } from '../l2-sizes.js';
import type { Kind, L3Function, Value } from '../l3.js';
import { L3Builder } from '../l3-builder.js';
import { statusBuffer } from '../status.js';
import type { Target } from '../target.js';
import { extreme } from './accumulators.js';
import { forEachLine, sideBySide } from './lines.js';
import { ExprEmitter } from './lower-exprs.js';

/** Running values, in the kinds that they are kept in. */
interface Running {
  readonly starts: readonly Value[];
  step(before: readonly Value[], values: readonly Value[], at: Value): readonly Value[];
  /** The stages after a step. */
  stages(now: readonly Value[]): readonly Value[];
}

/** Floats are kept as float64, integers as themselves. */
function wide(dtype: DType): Kind {
  const kind = kinds[dtype];
  if (kind === 'mask') throw new InternalError('bools have no running values');
  return isFloat(dtype) ? 'f64' : kind;
}

function linear(b: L3Builder, dtype: DType, hasFactor: boolean): Running {
  const kind = wide(dtype);
  return {
    starts: [b.zero(kind)],
    step: ([before], values) => {
      const [factor, value] = [values[0], values[values.length - 1]].map((v) => b.convert(kind, v));
      return [b.add(hasFactor ? b.mul(factor, before) : before, value)];
    },
    stages: ([now]) => [fitToDType(b, b.convert(kinds[dtype], now), dtype)],
  };
}

function extremum(b: L3Builder, dtype: DType, op: 'max' | 'min'): Running {
  const kind = kinds[dtype];
  if (kind === 'mask') throw new InternalError('bools have no order');
  return {
    starts: [b.constant(kind, extreme(dtype, op === 'max' ? 'min' : 'max')), b.constant('i64', 0n)],
    step: ([best, place], [value], at) => {
      let isNext = op === 'max' ? b.compare('le', best, value) : b.compare('le', value, best);
      if (isFloat(dtype)) isNext = b.binary('or', isNext, b.compare('ne', value, value));
      return [b.select(isNext, value, best), b.select(isNext, b.convert('i64', at), place)];
    },
    stages: (now) => now,
  };
}

function runningOf(b: L3Builder, kernel: ScanKernel): Running {
  const { dtype } = kernel.exprs[kernel.values[0]];
  if (kernel.op === 'sum' || kernel.op === 'linear') return linear(b, dtype, kernel.op === 'linear');
  return extremum(b, dtype, kernel.op);
}

export function lowerScan(kernel: ScanKernel, sizes: AbstractKernel, target: Target): L3Function {
  const b = new L3Builder(kernel.name, 1, target);
  for (const buffer of kernel.buffers) b.buffer(memTypeOf(b, buffer.dtype), buffer.access);
  const status = statusBuffer(b, kernel);
  const emitter = new ExprEmitter(b, kernel, sizes, dependences(kernel), status);
  const sizeOf = (variable: number): Value => b.sizeAt(sizes.variableSlots[variable]);
  const values = [...kernel.values, ...kernel.stores.map((s) => s.value)];
  const indices = kernel.stores.map((s) => s.index);
  const zero = b.index(0);
  const running = runningOf(b, kernel);
  const inner = sideBySide(kernel);

  /** One more element of a line whose position is bound. */
  function step(before: readonly Value[], at: Value): readonly Value[] {
    const values = kernel.values.map((v) => emitter.emit(v));
    const now = running.step(before, values, at);
    running.stages(now).forEach((value, i) => emitter.bindStage(i, value));
    emitter.storeAll(kernel.stores);
    emitter.clearStages();
    return now;
  }

  /** Walks lines together, each at its place in the inner dimension. */
  function walk(places: readonly Value[]): void {
    emitter.hoist(values, indices);
    const width = running.starts.length;
    const starts = places.length === 0 ? running.starts : places.flatMap(() => running.starts);
    b.loop(zero, sizeOf(kernel.line), 1, starts, (at, before) =>
      emitter.bind(kernel.line, at, null, () => {
        if (places.length === 0) return step(before, at);
        return places.flatMap((place, i) =>
          emitter.bind(inner, place, null, () => step(before.slice(i * width, (i + 1) * width), at)),
        );
      }),
    );
  }

  forEachLine(b, emitter, kernel, sizes, { hoist: () => emitter.hoist(values, indices), lines: walk });
  return b.finish();
}
