/** What ops with an underscore do: give a storage a new value in place of what a tensor shows of it, with the tape's rules. */
import { isGradEnabled } from '../autograd/mode.js';
import type { AutogradOps } from '../autograd/ops.js';
import { Value } from '../autograd/value.js';
import type { DType } from '../base/dtype.js';
import { fitsInto } from '../base/dtype.js';
import { AutogradError, DTypeError, ShapeError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { sameShape, showShape } from '../base/shape.js';
import type { Storage } from './storage.js';
import type { ViewStep } from './views.js';
import { replaceThrough } from './views.js';

/** The result of an op in the dtype of the tensor it goes into; an in-place op never changes shape or category. */
export function fitInPlace(name: string, ops: AutogradOps, result: Value, shape: Shape, dtype: DType): Value {
  if (!sameShape(result.shape, shape)) {
    throw new ShapeError(
      `${name}: the result has shape ${showShape(result.shape)}, which does not fit into ${showShape(shape)}; ` +
        'use the op without the underscore',
    );
  }
  if (!fitsInto(result.dtype, dtype)) {
    throw new DTypeError(
      `${name}: a ${result.dtype} result cannot be stored in ${dtype}; use the op without the underscore`,
    );
  }
  return ops.cast(result, dtype);
}

export function leafInPlaceError(name: string, isView: boolean): AutogradError {
  return new AutogradError(
    `${name}: ${isView ? 'a view of ' : ''}a leaf tensor that requires a gradient cannot be changed in place while ` +
      'gradients are recorded. Do it inside of noGrad(() => ...).',
  );
}

/** Assigns `value` to what a chain of views shows of a storage. */
export function assignThrough(
  name: string,
  storage: Storage,
  views: readonly ViewStep[],
  detached: boolean,
  value: Value,
): void {
  const base = storage.value;
  const recording = isGradEnabled() && !detached;
  if (recording && base.edge?.kind === 'leaf') {
    throw leafInPlaceError(name, views.length > 0);
  }
  const { ops } = storage.workspace;
  // What is overwritten is read as it was: the op itself is no modification that its own gradient has to fear.
  const before = new Value(base.node, detached ? null : base.edge);
  const next = replaceThrough(ops, views, before, value);
  if (!recording) storage.assign(new Value(next.node, base.edge));
  else if (base.edge !== null && next.edge === null) storage.assign(onTape(ops, before, next));
  else storage.assign(next.edge?.kind === 'leaf' ? ops.copy(next) : next);
}

/** A value that was overwritten by a constant stays on the tape, with a gradient of zero. */
function onTape(ops: AutogradOps, before: Value, next: Value): Value {
  return ops.where(ops.constant(0, 'bool', next.shape), before, next);
}
