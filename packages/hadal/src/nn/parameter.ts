/** The two kinds of tensors that a module owns: those it learns and those it keeps. */

import { checkTensor } from '../tensor/given.js';
import { Tensor } from '../tensor/index.js';

/** The storage of `data` itself if that is all there is to it, else of a copy: a view or a value on the tape cannot be a leaf. */
function ownStorage(owner: string, data: Tensor): Tensor['storage'] {
  checkTensor(owner, 'the data', data);
  const { storage, value } = data;
  return value.node === storage.node && value.edge === null ? storage : data.detach().clone().storage;
}

/**
 * A tensor that a module learns. `data` becomes the parameter: the two share memory, and `data` wants a gradient from here on; pass
 * `data.clone()` to keep it apart.
 *
 * @example
 * ```ts
 * import { nn, zeros } from 'hadal';
 * console.log(new nn.Parameter(zeros([2, 3])).requiresGrad); // true
 * ```
 */
export class Parameter extends Tensor {
  constructor(data: Tensor, options: { requiresGrad?: boolean } = {}) {
    super(ownStorage('Parameter', data));
    if (options.requiresGrad ?? true) this.requiresGrad_();
  }
}

/**
 * A tensor that belongs to a module but is not learned: running statistics, position tables. It is saved and converted with the module;
 * one that is not `persistent` is no part of the saved state.
 *
 * @example
 * ```ts
 * import { nn, zeros } from 'hadal';
 * class Counter extends nn.Module {
 *   seen = new nn.Buffer(zeros([]));
 *   override forward(x: Tensor): Tensor {
 *     this.seen.add_(x.shape[0]);
 *     return x;
 *   }
 * }
 * const counter = new Counter();
 * counter.forward(zeros([5, 2]));
 * console.log(counter.stateDict().get('seen').itemSync()); // 5
 * ```
 */
export class Buffer extends Tensor {
  readonly persistent: boolean;

  constructor(data: Tensor, options: { persistent?: boolean } = {}) {
    super(ownStorage('Buffer', data));
    this.persistent = options.persistent ?? true;
  }
}
