/**
 * Lowers a scatter to L3: the result is filled, then elements go to their positions one after the other, in the order of the source,
 * so that the last of those that share a position stays and sums are added up in a fixed order. Vectors run along the last dimension
 * where the position does not change along it: rows of an embedding.
 *
 * A position out of range is noted in the status buffer, and nothing is stored there. Sums of 16-bit floats are kept as float32 in
 * the workspace and rounded once, at the end.
 */
import type { DType } from '../../base/dtype.js';
import { isHalf } from '../../base/dtype.js';
import type { Dependence } from '../dependence.js';
import { canVectorize, dependences } from '../dependence.js';
import { encodeStored, fitToDType, kinds, memTypeOf } from '../elements.js';
import type { ScatterKernel } from '../l2.js';
import type { AbstractKernel } from '../l2-sizes.js';
import type { L3Function, Value } from '../l3.js';
import { L3Builder } from '../l3-builder.js';
import { INDEX_CODE, statusBuffer } from '../status.js';
import type { Target } from '../target.js';
import { ExprEmitter } from './lower-exprs.js';
import { alongLanes } from './vector-loop.js';

/** Whether sums are kept in the workspace. */
function isApart(kernel: ScatterKernel): boolean {
  return kernel.mode === 'add' && isHalf(resultType(kernel));
}

function resultType(kernel: ScatterKernel): DType {
  return kernel.buffers[kernel.stores[0].buffer].dtype;
}

/** Bytes of each workspace buffer: the sums of 16-bit floats. */
export function scatterWorkspace(kernel: ScatterKernel): readonly number[] {
  return isApart(kernel) ? [Math.max(kernel.elements, 1) * 4] : [];
}

/** Whether the last dimension of the source becomes lanes. */
function hasLanes(kernel: ScatterKernel, deps: readonly Dependence[], target: Target): boolean {
  const inner = kernel.dims.length - 1;
  const [, store] = kernel.stores;
  if (inner < 0 || target.lanes === 1 || deps[kernel.position].variables.has(inner)) return false;
  return canVectorize(kernel, deps, [store.value], [store.index], inner, target.masks);
}

export function lowerScatter(kernel: ScatterKernel, sizes: AbstractKernel, target: Target): L3Function {
  const deps = dependences(kernel);
  const [fill, store] = kernel.stores;
  const dtype = resultType(kernel);
  const positionVariable = kernel.dims.length;
  const elementVariable = positionVariable + 1;
  const vectorFill = canVectorize(kernel, deps, [fill.value], [fill.index], elementVariable, target.masks);
  const isVector = hasLanes(kernel, deps, target);
  const b = new L3Builder(kernel.name, isVector || vectorFill ? target.lanes : 1, target);
  for (const buffer of kernel.buffers) b.buffer(memTypeOf(b, buffer.dtype), buffer.access);
  const sums = isApart(kernel) ? b.buffer('f32', 'readwrite') : -1;
  const status = statusBuffer(b, kernel);
  const emitter = new ExprEmitter(b, kernel, sizes, deps, status);
  const sizeOf = (variable: number): Value => b.sizeAt(sizes.variableSlots[variable]);
  const zero = b.index(0);

  /** Runs over the elements of the result. */
  function overElements(body: (at: Value, lanes: number, mask: Value | null) => void): void {
    emitter.hoist([fill.value], [fill.index]);
    alongLanes(b, target, sizeOf(elementVariable), vectorFill, (at, lanesNow) =>
      emitter.bind(elementVariable, at, lanesNow, () =>
        body(at, lanesNow ? target.lanes : 1, lanesNow?.mask ?? null),
      ),
    );
  }

  function add(before: Value, value: Value): Value {
    if (kinds[dtype] === 'mask') return b.binary('or', before, value);
    const sum = b.add(before, value);
    return isHalf(dtype) ? sum : fitToDType(b, sum, dtype);
  }

  /** One element or vector whose position is bound. */
  function place(lanes: number, mask: Value | null): void {
    if (kernel.mode === 'set') {
      emitter.storeAll([store]);
      return;
    }
    const at = emitter.index(store.index);
    const value = emitter.emitLanes(store.value);
    const into = sums >= 0 ? sums : store.buffer;
    const before = b.load(into, at, { lanes, mask });
    b.store(into, at, add(before, value), { mask });
  }

  function innermost(variable: number): void {
    emitter.hoist([store.value], [store.index]);
    alongLanes(b, target, sizeOf(variable), isVector, (at, lanesNow) =>
      emitter.bind(variable, at, lanesNow, () =>
        positioned(() => place(lanesNow ? target.lanes : 1, lanesNow?.mask ?? null)),
      ),
    );
  }

  /** Whether all variables of the position are bound once `depth` loops are open. */
  const positionDepth = Math.max(-1, ...deps[kernel.position].variables) + 1;
  let isPositioned = false;

  /** Binds the position for `body` if it is in range, unless that has been done outside. */
  function positioned(body: () => void): void {
    if (isPositioned) {
      body();
      return;
    }
    const wide = b.convert('i64', emitter.emit(kernel.position));
    const size = b.convert('i64', sizeOf(positionVariable));
    const isValid = b.binary(
      'and',
      b.compare('le', b.constant('i64', 0n), wide),
      b.compare('lt', wide, size),
    );
    b.when(b.unary('not', isValid), () => {
      b.store(status, zero, b.constant('i64', INDEX_CODE));
      b.store(status, zero, wide, { offset: 1 });
      b.store(status, zero, b.sub(size, b.constant('i64', 1n)), { offset: 2 });
    });
    isPositioned = true;
    b.when(isValid, () => emitter.bind(positionVariable, b.convert('index', wide), null, body));
    isPositioned = false;
  }

  function nest(depth: number): void {
    if (depth === positionDepth && depth < kernel.dims.length && !isPositioned) {
      positioned(() => nest(depth));
      return;
    }
    if (depth === kernel.dims.length) {
      positioned(() => place(1, null));
      return;
    }
    if (depth === kernel.dims.length - 1) {
      innermost(depth);
      return;
    }
    emitter.hoist([store.value, kernel.position], [store.index]);
    b.forEach(zero, sizeOf(depth), 1, (at) => emitter.bind(depth, at, null, () => nest(depth + 1)));
  }

  overElements((at, lanes, mask) => {
    if (sums >= 0) b.store(sums, at, b.spread(emitter.emit(fill.value), lanes), { mask });
    else emitter.storeAll([fill]);
  });
  nest(0);
  if (sums >= 0) {
    overElements((at, lanes, mask) => {
      const sum = b.load(sums, at, { lanes, mask });
      b.store(fill.buffer, at, encodeStored(b, sum, dtype), { mask });
    });
  }
  return b.finish();
}
