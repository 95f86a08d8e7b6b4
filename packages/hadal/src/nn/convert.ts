/** Changing the dtype of parameters and buffers where they are, so that whoever holds one sees it changed. */
import { Value } from '../autograd/value.js';
import type { DType } from '../base/dtype.js';
import { checkDType, isFloat } from '../base/dtype.js';
import { DTypeError } from '../base/errors.js';
import type { Tensor } from '../tensor/index.js';
import { Storage } from '../tensor/storage.js';

/** Converts all float tensors among `tensors`; their gradients are dropped. */
export function convertInPlace(tensors: Iterable<Tensor>, dtype: DType): void {
  if (!isFloat(checkDType(dtype)))
    throw new DTypeError(`to: a module is converted to a float dtype, got ${dtype}`);
  const wanted = [...tensors].filter((t) => isFloat(t.dtype) && t.dtype !== dtype);
  // A pending update is on its way into the old memory.
  for (const engine of new Set(wanted.map((t) => t.storage.engine))) engine.realize([]);
  // An update in place writes over the old memory where nobody else has it. The new elements have another size, so somebody must.
  const holders = new Map<Storage['engine'], Storage[]>();
  for (const t of wanted) {
    const { storage, workspace } = t;
    storage.clearGrad();
    const old = new Storage(workspace, new Value(storage.node, null));
    storage.assign(new Value(workspace.ops.cast(old.value, dtype).node, storage.value.edge));
    holders.set(storage.engine, [...(holders.get(storage.engine) ?? []), old]);
  }
  for (const engine of holders.keys()) engine.realize([]);
}
