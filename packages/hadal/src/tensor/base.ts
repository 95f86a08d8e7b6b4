/**
 * What every tensor is before it has any ops: a storage and a view of it. The methods that people call are classes over this one, one
 * concept each (methods/); `Tensor` closes the chain. Their helpers are private to TypeScript alone: a private name of JavaScript's
 * would make every new tensor pay for a brand a class.
 */
import { isGradEnabled, withGradMode } from '../autograd/mode.js';
import type { AutogradOps } from '../autograd/ops.js';
import { Value } from '../autograd/value.js';
import type { DType } from '../base/dtype.js';
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

export abstract class TensorBase {
  readonly #storage: Storage;
  readonly #views: readonly ViewStep[];
  #start: TapeStart;
  /** The gradient of a view or of an alias that is no leaf, if it ever had one. */
  #slot: GradSlot | null = null;
  #cached: Value | null = null;
  #cachedFrom: Value | null = null;

  /** Not for users: see `tensor`, `zeros`, `fromTypedArray` and the like. */
  constructor(storage: Storage, views: readonly ViewStep[] = [], start: TapeStart = 'storage') {
    this.#storage = storage;
    this.#views = views;
    this.#start = start;
  }

  // --- what the classes over this one build with ---------------------------------------------------------------------------

  /** This tensor under its full type: `Tensor` is the only class without abstract members. */
  protected abstract get self(): Tensor;

  /** A tensor that shows `storage` through `views`. */
  protected abstract alias(storage: Storage, views: readonly ViewStep[], start: TapeStart): Tensor;

  protected get ops(): AutogradOps {
    return this.#storage.workspace.ops;
  }

  /** A tensor of its own storage for a value. */
  protected wrap(value: Value): Tensor {
    return this.alias(new Storage(this.workspace, value), [], 'storage');
  }

  /** What this tensor shows, seen through one more step. */
  protected viewThrough(step: ViewStep): Tensor {
    return this.alias(this.#storage, [...this.#views, step], isGradEnabled() ? this.#start : 'none');
  }

  /** An alias that is not on the tape. */
  protected offTape(): Tensor {
    return this.alias(this.#storage, this.#views, 'none');
  }

  /** Whether this is all of its storage, on the storage's tape. */
  protected get isWhole(): boolean {
    return this.#views.length === 0 && this.#start === 'storage';
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
    return typeof start === 'object' && start.depth === this.#views.length ? start.slot : null;
  }

  /** Makes this tensor, which has no place on the tape, a leaf; or takes that back. */
  protected setLeaf(on: boolean): void {
    if (this.isWhole) {
      this.#storage.setRequiresGrad(on);
      return;
    }
    const slot = this.ownGradSlot();
    slot.want(on);
    this.#start = on ? { slot, depth: this.#views.length } : 'none';
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
      throw leafInPlaceError(name, this.#views.length > this.#start.depth);
    assignThrough(name, this.#storage, this.#views, this.#start !== 'storage', value);
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

  /** The current value on the graph and the tape. */
  get value(): Value {
    const base = this.#storage.value;
    if (this.#views.length === 0 && this.#start === 'storage') return base;
    if (this.#cached !== null && this.#cachedFrom === base) return this.#cached;
    const start = this.#start === 'storage' ? base : new Value(base.node, null).belongTo(this.#storage);
    this.#cached = this.#read(start);
    this.#cachedFrom = base;
    this.#slot?.follow(this.#cached.edge);
    return this.#cached;
  }

  #read(base: Value): Value {
    const start = this.#start;
    if (typeof start === 'object') return withGradMode(true, () => this.#readFromLeaf(base, start));
    const replay = () => this.#views.reduce((v, step) => forward(this.ops, step, v), base);
    return start === 'none' ? replay() : withGradMode(true, replay);
  }

  #readFromLeaf(base: Value, leaf: LeafAlias): Value {
    const under = this.#views.slice(0, leaf.depth).reduce((v, step) => forward(this.ops, step, v), base);
    const value = new Value(under.node, leaf.slot.leaf).belongTo(this.#storage);
    return this.#views.slice(leaf.depth).reduce((v, step) => forward(this.ops, step, v), value);
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
    return dim === undefined ? this.shape : this.shape[normalizeDim('size', dim, this.ndim)];
  }
}
