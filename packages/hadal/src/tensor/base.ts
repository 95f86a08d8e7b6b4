/**
 * What every tensor is before it has any ops: a storage and a view of it. The methods that people call are classes over this one, one
 * concept each (methods/); `Tensor` closes the chain. Their helpers are private to TypeScript alone: a private name of JavaScript's
 * would make every new tensor pay for a brand a class.
 */
import { isGradEnabled, withGradMode } from '../autograd/mode.js';
import type { AutogradOps } from '../autograd/ops.js';
import { Value } from '../autograd/value.js';
import type { DType } from '../base/dtype.js';
import { IndexError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { normalizeDim, numel } from '../base/shape.js';
import { GradSlot } from './grad-slot.js';
import { assignThrough, fitInPlace, leafInPlaceError } from './in-place.js';
import { Storage } from './storage.js';
import type { Tensor } from './tensor.js';
import type { ViewStep } from './views.js';
import { forward } from './views.js';
import type { Workspace } from './workspace.js';

/** An alias off its storage's tape that is a leaf of its own, and how many views of the storage lie under it. */
interface LeafAlias {
  readonly slot: GradSlot;
  readonly depth: number;
}

/**
 * Where a tensor's place on the tape comes from: its storage's; none, for aliases made by detach() or under noGrad(); or that of an
 * alias that is a leaf.
 */
export type TapeStart = 'storage' | 'none' | LeafAlias;

/** What a view is of, and the step from there to it. */
export interface Through {
  readonly under: TensorBase;
  readonly step: ViewStep;
}

export abstract class TensorBase {
  readonly #storage: Storage;
  readonly #through: Through | null;
  /** How many views of the storage this is. */
  readonly #depth: number;
  #start: TapeStart;
  /** The gradient of a view or of an alias that is no leaf, if it ever had one. */
  #slot: GradSlot | null = null;
  #cached: Value | null = null;
  #cachedFrom: Value | null = null;

  /** Not for users: see `tensor`, `zeros`, `fromTypedArray` and the like. */
  constructor(storage: Storage, through: Through | null = null, start: TapeStart = 'storage') {
    this.#storage = storage;
    this.#through = through;
    this.#depth = through === null ? 0 : through.under.#depth + 1;
    this.#start = start;
  }

  // --- what the classes over this one build with ---------------------------------------------------------------------------

  /** This tensor under its full type: `Tensor` is the only class without abstract members. */
  protected abstract get self(): Tensor;

  /** A tensor that shows `storage`, all of it or through another that does. */
  protected abstract alias(storage: Storage, through: Through | null, start: TapeStart): Tensor;

  protected get ops(): AutogradOps {
    return this.#storage.workspace.ops;
  }

  /** A tensor of its own storage for a value. */
  protected wrap(value: Value): Tensor {
    return this.alias(new Storage(this.workspace, value), null, 'storage');
  }

  /** What this tensor shows, seen through one more step. */
  protected viewThrough(step: ViewStep): Tensor {
    return this.alias(this.#storage, { under: this, step }, isGradEnabled() ? this.#start : 'none');
  }

  /** An alias that is not on the tape. In the step of a scan it is a tensor of its own. */
  protected offTape(): Tensor {
    const { trace } = this.#storage.engine.pending;
    if (trace?.depends(this.#storage.node)) return this.wrap(this.ops.detached(this.value));
    return this.alias(this.#storage, this.#through, 'none');
  }

  /** Whether this is all of its storage, on the storage's tape. */
  protected get isWhole(): boolean {
    return this.#through === null && this.#start === 'storage';
  }

  /** The gradient of this tensor and what belongs to it; null if it has never had one. */
  protected get gradSlot(): GradSlot | null {
    if (this.isWhole) return this.#storage.slot;
    return this.#leafSlot ?? this.#slot;
  }

  /** The same, made if need be. */
  protected ownGradSlot(): GradSlot {
    const slot = this.gradSlot ?? new GradSlot(this);
    if (!this.isWhole && this.#leafSlot === null) this.#slot = slot;
    return slot;
  }

  get #leafSlot(): GradSlot | null {
    const start = this.#start;
    return typeof start === 'object' && start.depth === this.#depth ? start.slot : null;
  }

  /** Makes this tensor, which has no place on the tape, a leaf; or takes that back. */
  protected setLeaf(on: boolean): void {
    if (this.isWhole) {
      this.#storage.setRequiresGrad(on);
      return;
    }
    const slot = this.ownGradSlot();
    slot.want(on);
    this.#start = on ? { slot, depth: this.#depth } : 'none';
    this.#cached = null;
  }

  /** The value as it is before an in-place op: the op's own change is none that its gradient has to fear. */
  protected get before(): Value {
    const base = this.#storage.value;
    return this.#read(new Value(base.node, this.#start === 'storage' ? base.edge : null));
  }

  /** Gives the storage a new value in place of what this tensor shows of it. */
  protected assign(name: string, value: Value): this {
    if (typeof this.#start === 'object' && isGradEnabled())
      throw leafInPlaceError(name, this.#depth > this.#start.depth);
    assignThrough(name, this.#storage, this.#steps, this.#start !== 'storage', value);
    return this;
  }

  /**
   * Assigns the result of an op, which must fit in shape and category. It goes straight into the storage: a tensor of its own would
   * hold on to the memory that the next update reuses.
   */
  protected update(name: string, result: Value): this {
    return this.assign(name, fitInPlace(name, this.ops, result, this.shape, this.dtype));
  }

  // --- facts ---------------------------------------------------------------------------------------------------------------

  get workspace(): Workspace {
    return this.#storage.workspace;
  }

  get storage(): Storage {
    return this.#storage;
  }

  /**
   * The current value on the graph and the tape. A view's is a step from that of the tensor it was made of, so that gradients for that
   * one pass it: its hooks see them.
   */
  get value(): Value {
    const base = this.#storage.value;
    if (this.isWhole) return base;
    if (this.#cached !== null && this.#cachedFrom === base) return this.#cached;
    // Chains of views may be longer than the stack is deep.
    const stale: Through[] = [];
    const late: TensorBase[] = [];
    let at: TensorBase = this;
    while (!at.#isFresh(base) && at.#through !== null && at.#through.under.#start === at.#start) {
      stale.push(at.#through);
      late.push(at);
      at = at.#through.under;
    }
    let value = at.#ownValue(base);
    const walk = (): void => {
      for (let i = stale.length - 1; i >= 0; i--) {
        value = forward(this.ops, stale[i].step, value);
        late[i].#cache(value, base);
      }
    };
    if (this.#start === 'none') walk();
    else withGradMode(true, walk);
    return value;
  }

  #isFresh(base: Value): boolean {
    return this.#cached !== null && this.#cachedFrom === base;
  }

  #cache(value: Value, base: Value): void {
    this.#cached = value;
    this.#cachedFrom = base;
    this.#slot?.follow(value.edge);
  }

  /** The value, without the help of what this is a view of. */
  #ownValue(base: Value): Value {
    if (this.isWhole) return base;
    if (this.#cached !== null && this.#cachedFrom === base) return this.#cached;
    const start = this.#start === 'storage' ? base : new Value(base.node, null).belongTo(this.#storage);
    const value = this.#read(start);
    this.#cache(value, base);
    return value;
  }

  /** The steps from the storage to this view. */
  get #steps(): readonly ViewStep[] {
    const steps: ViewStep[] = [];
    for (let at = this.#through; at !== null; at = at.under.#through) steps.push(at.step);
    return steps.reverse();
  }

  #read(base: Value): Value {
    const start = this.#start;
    if (typeof start === 'object') return withGradMode(true, () => this.#readFromLeaf(base, start));
    const replay = () => this.#steps.reduce((v, step) => forward(this.ops, step, v), base);
    return start === 'none' ? replay() : withGradMode(true, replay);
  }

  #readFromLeaf(base: Value, leaf: LeafAlias): Value {
    const steps = this.#steps;
    const under = steps.slice(0, leaf.depth).reduce((v, step) => forward(this.ops, step, v), base);
    const value = new Value(under.node, leaf.slot.leaf).belongTo(this.#storage);
    return steps.slice(leaf.depth).reduce((v, step) => forward(this.ops, step, v), value);
  }

  /** Sizes of all dimensions, outermost first. */
  get shape(): Shape {
    return this.value.shape;
  }

  get dtype(): DType {
    return this.#storage.node.dtype;
  }

  /** The name of the engine this tensor lives on. */
  get device(): string {
    return this.#storage.engine.name;
  }

  get ndim(): number {
    return this.shape.length;
  }

  dim(): number {
    return this.shape.length;
  }

  numel(): number {
    return numel(this.shape);
  }

  size(): Shape;
  size(dim: number): number;
  size(dim?: number): Shape | number {
    if (dim === undefined) return this.shape;
    if (this.ndim === 0)
      throw new IndexError(`size: there is no dimension ${dim}, the tensor has none; numel() is its size`);
    return this.shape[normalizeDim('size', dim, this.ndim)];
  }
}
