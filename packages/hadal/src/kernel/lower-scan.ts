/**
 * Lowers a scan to L3. Elements are taken in along the line one after the other, so that the result does not depend on the machine;
 * floats are added up in float64 and each sum is rounded once, as in PyTorch.
 *
 * Where the line is not the last dimension, neighbouring lines are walked together: their elements lie side by side in memory, and
 * their sums do not wait for each other.
 */
import type { DType } from '../base/dtype.js';
import { isFloat } from '../base/dtype.js';
import { InternalError } from '../base/errors.js';
import { fitToDType, kinds, memTypes } from './elements.js';
import type { ScanKernel } from './l2.js';
import type { AbstractKernel } from './l2-sizes.js';
import type { L3Function, Value } from './l3.js';
import { L3Builder } from './l3-builder.js';
import { forEachLine, sideBySide } from './lines.js';
import { dependences, ExprEmitter } from './lower-exprs.js';
import { needsStatus } from './lower-loops.js';

/** A running value in the kind that it is kept in. */
interface Running {
  readonly start: Value;
  step(before: Value, value: Value): Value;
  /** The running value as one of the dtype. */
  end(now: Value): Value;
}

function runningSum(b: L3Builder, dtype: DType): Running {
  if (isFloat(dtype)) {
    return {
      start: b.constant('f64', 0),
      step: (before, value) => b.add(before, b.convert('f64', value)),
      end: (now) => fitToDType(b, b.convert(kinds[dtype], now), dtype),
    };
  }
  const kind = kinds[dtype];
  if (kind === 'mask') throw new InternalError('bools have no running sum');
  return {
    start: b.constant(kind, kind === 'i64' ? 0n : 0),
    step: (before, value) => b.add(before, value),
    end: (now) => fitToDType(b, now, dtype),
  };
}

export function lowerScan(kernel: ScanKernel, sizes: AbstractKernel): L3Function {
  const b = new L3Builder(kernel.name, 1);
  for (const buffer of kernel.buffers) b.buffer(memTypes[buffer.dtype], buffer.access);
  const status = needsStatus(kernel) ? b.buffer('i64', 'write') : -1;
  const emitter = new ExprEmitter(b, kernel, sizes, dependences(kernel), status);
  const sizeOf = (variable: number): Value => b.sizeAt(sizes.variableSlots[variable]);
  const values = [kernel.value, ...kernel.stores.map((s) => s.value)];
  const indices = kernel.stores.map((s) => s.index);
  const zero = b.index(0);
  const running = runningSum(b, kernel.exprs[kernel.value].dtype);
  const inner = sideBySide(kernel);

  /** One more element of a line whose position is bound. */
  function step(before: Value): Value {
    const now = running.step(before, emitter.emit(kernel.value));
    emitter.bindStage(0, running.end(now));
    emitter.storeAll(kernel.stores);
    emitter.clearStages();
    return now;
  }

  /** Walks lines together, each at its place in the inner dimension. */
  function walk(places: readonly Value[]): void {
    emitter.hoist(values, indices);
    const starts = places.length === 0 ? [running.start] : places.map(() => running.start);
    b.loop(zero, sizeOf(kernel.line), 1, starts, (at, before) =>
      emitter.bind(kernel.line, at, null, () => {
        if (places.length === 0) return [step(before[0])];
        return places.map((place, i) => emitter.bind(inner, place, null, () => step(before[i])));
      }),
    );
  }

  forEachLine(b, emitter, kernel, sizes, { hoist: () => emitter.hoist(values, indices), lines: walk });
  return b.finish();
}
