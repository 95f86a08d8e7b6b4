/** The float dtype of tensors made without one. */
import type { DType } from '../base/dtype.js';
import { checkDType, isFloat } from '../base/dtype.js';
import { DTypeError } from '../base/errors.js';

let current: DType = 'float32';

/** The dtype of tensors made from numbers, and of integers where an op needs floats. */
export function getDefaultDtype(): DType {
  return current;
}

/**
 * Sets the dtype of tensors made from numbers: a float dtype, float32 from the start.
 *
 * @throws DTypeError if it is no float dtype.
 * @example
 * ```ts
 * import { setDefaultDtype, tensor } from 'hadal';
 * setDefaultDtype('float64');
 * console.log(tensor([0.1]).dtype); // float64
 * setDefaultDtype('float32');
 * ```
 */
export function setDefaultDtype(dtype: DType): void {
  if (!isFloat(checkDType(dtype)))
    throw new DTypeError(`setDefaultDtype: expected a float dtype, got ${dtype}`);
  current = dtype;
}
