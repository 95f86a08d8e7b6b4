/** Methods of the tape: leaves, gradients, hooks, backward. */

import type { HookHandle } from '../../autograd/hooks.js';
import type { GradNode } from '../../autograd/tape.js';
import { gradFnOf } from '../../autograd/tape.js';
import type { Value } from '../../autograd/value.js';
import { isFloat } from '../../base/dtype.js';
import { AutogradError, DTypeError } from '../../base/errors.js';
import type { TensorBackwardOptions } from '../backward.js';
import { backward } from '../backward.js';
import { optionsOf, tensorOf } from '../given.js';
import type { TensorHook } from '../hooks.js';
import { addHook, addPostAccumulateHook } from '../hooks.js';
import type { Tensor } from '../tensor.js';
import { InPlaceMethods } from './in-place.js';

export abstract class AutogradMethods extends InPlaceMethods {
  /** Whether gradients flow to or through this tensor. */
  get requiresGrad(): boolean {
    return this.value.edge !== null;
  }

  /** Whether the tape did not make this tensor: it was made by the user, or needs no gradient. */
  get isLeaf(): boolean {
    return this.gradFn === null;
  }

  /** The op of the tape that made this tensor, or null. */
  get gradFn(): GradNode | null {
    return gradFnOf(this.value.edge);
  }

  /**
   * Asks for a gradient of this leaf, or takes that back.
   *
   * @throws DTypeError if this is no float tensor.
   * @throws AutogradError if a gradient of a result should be taken back.
   */
  requiresGrad_(on = true): this {
    if (on && !isFloat(this.dtype))
      throw new DTypeError(`requiresGrad_: only float tensors have gradients, this one is ${this.dtype}`);
    const { gradFn } = this;
    if (gradFn !== null) {
      if (on) return this;
      throw new AutogradError(
        `requiresGrad_: only leaves can stop requiring a gradient, this tensor is the result of ${gradFn.name}; ` +
          'use detach() for an alias that requires none',
      );
    }
    if (on !== this.requiresGrad) this.setLeaf(on);
    return this;
  }

  /**
   * The gradient that backward() has accumulated, or null. It is the same tensor until it is set or dropped; a backward pass without
   * `createGraph` adds to it in place.
   */
  get grad(): Tensor | null {
    const slot = this.gradSlot;
    const storage = slot?.storage();
    if (!slot || !storage) return null;
    slot.tensor ??= this.alias(storage, null, 'storage');
    return slot.tensor;
  }

  set grad(value: Tensor | null) {
    if (value === null) this.clearGrad();
    else if (value.isWhole) this.ownGradSlot().share(value.storage, value);
    else this.ownGradSlot().set(value.value);
  }

  /** The gradient's value, or null; for optimizers. Looking at it this way, they may still reuse its memory. */
  get gradValue(): Value | null {
    return this.gradSlot?.value ?? null;
  }

  /** Drops the gradient. Memory that nobody else can have seen is reused at once. */
  clearGrad(): void {
    this.gradSlot?.clear();
  }

  /** An alias that is not on the tape. */
  detach(): Tensor {
    return this.offTape();
  }

  /**
   * Takes this tensor itself off the tape: it becomes a leaf that requires no gradient. What was computed from it before is not
   * affected.
   *
   * @throws AutogradError for views; use detach().
   */
  detach_(): this {
    if (!this.isWhole && !this.isLeaf) {
      throw new AutogradError(
        'detach_: a view is on the tape with what it is a view of; use detach() for an alias',
      );
    }
    if (this.requiresGrad) this.setLeaf(false);
    return this;
  }

  /** A copy with memory of its own, on the tape. */
  clone(): Tensor {
    return this.wrap(this.ops.copy(this.value));
  }

  /** Has this value written when the graph runs, so that it can be read whatever happens to what it was computed from. */
  keep(): this {
    this.value.node.saved++;
    return this;
  }

  /**
   * Has backward() put the gradient of this result into its `grad`, as it does for leaves (where this does nothing). After an update in
   * place it is the gradient of the new contents. Who looks at the gradient looks at the result too: it is kept, as by `keep()`.
   *
   * @throws AutogradError if this tensor requires no gradient.
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * const x = tensor([1, 2], { requiresGrad: true });
   * const y = x.mul(3).retainGrad();
   * y.mul(y).sum().backward();
   * console.log(y.grad?.tolistSync(), x.grad?.tolistSync()); // [ 6, 12 ] [ 18, 36 ]
   * ```
   */
  retainGrad(): this {
    if (!this.requiresGrad)
      throw new AutogradError(
        'retainGrad: this tensor does not require a gradient; call requiresGrad_() on it',
      );
    if (this.isLeaf) return this;
    this.ownGradSlot().retain();
    return this.keep();
  }

  /** Whether `retainGrad` was called on this result. False for leaves. */
  get retainsGrad(): boolean {
    return !this.isLeaf && (this.gradSlot?.retains ?? false);
  }

  /**
   * Calls `hook` with the gradient of this tensor when a backward pass has all of it. What the hook returns, if anything, takes the
   * gradient's place, for the hooks after it, for `grad` and for what comes earlier on the tape. Hooks run in the order of registering.
   * On a tensor that is updated in place later, the hook stays with the contents it was registered on.
   *
   * @throws AutogradError if this tensor requires no gradient; during backward, if a replacement has another shape or dtype.
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * const x = tensor([1, 2], { requiresGrad: true });
   * const handle = x.registerHook((grad) => grad.mul(10));
   * x.mul(x).sum().backward();
   * console.log(x.grad?.tolistSync()); // [ 20, 40 ]
   * handle.remove();
   * ```
   */
  registerHook(hook: TensorHook): HookHandle {
    return addHook(this.self, hook, (grad) => this.wrap(grad));
  }

  /**
   * Calls `hook` with this leaf when a backward pass has added to its `grad`; for updating a parameter during the pass, say.
   *
   * @throws AutogradError if this is no leaf that requires a gradient.
   * @example
   * ```ts
   * import { tensor } from 'hadal';
   * const x = tensor([1, 2], { requiresGrad: true });
   * x.registerPostAccumulateGradHook((leaf) => {
   *   console.log(leaf.grad?.tolistSync()); // [ 3, 3 ]
   * });
   * x.mul(3).sum().backward();
   * ```
   */
  registerPostAccumulateGradHook(hook: (leaf: Tensor) => void): HookHandle {
    return addPostAccumulateHook(this.self, hook);
  }

  /**
   * Gradients of this tensor for all leaves it depends on, added to their `grad`.
   *
   * @param gradient what the result's gradient is; may be left out for a single element, where it is 1.
   * @throws AutogradError if nothing here requires a gradient, or the graph was gone over before.
   */
  backward(gradient?: Tensor | null, options: TensorBackwardOptions = {}): void {
    if (gradient) tensorOf('backward', gradient);
    backward(this.self, gradient ?? null, optionsOf('backward', options));
  }
}
