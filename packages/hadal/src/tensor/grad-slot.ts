/**
 * What a tensor has of its own for the tape: its gradient, the edge that it is a leaf under, and whether it keeps the gradient of a
 * value that the tape made. All whole aliases of a storage have one slot, the storage's; a view or a detached alias that needs one has
 * its own.
 */
import type { HookHandle } from '../autograd/hooks.js';
import { isGradEnabled } from '../autograd/mode.js';
import type { Edge, LeafOwner } from '../autograd/tape.js';
import { hooksOf, LeafEdge } from '../autograd/tape.js';
import { Value } from '../autograd/value.js';
import { DTypeError, ShapeError } from '../base/errors.js';
import { sameShape, showShape } from '../base/shape.js';
import type { Node } from '../graph/node.js';
import type { Storage } from './storage.js';
import type { Tensor } from './tensor.js';
import { tracing, untraced } from './tracing.js';

/** Whose gradient it is. */
interface Owner {
  readonly value: Value;
  /** The storage behind it. */
  readonly storage: Storage;
}

export class GradSlot implements LeafOwner {
  readonly #owner: Owner;
  #leaf: LeafEdge | null = null;
  #wanted = false;
  /** The gradient, as a storage of its own once somebody has looked at it. */
  #grad: Value | null = null;
  #storage: Storage | null = null;
  /** The gradient's node while it is this slot that holds it; a storage holds its node itself. */
  #held: Node | null = null;
  /** The tensor that people see as `grad`, so that it is the same one each time. */
  tensor: Tensor | null = null;
  #retains = false;
  #retainedFrom: Edge | null = null;
  /** The last trace that knows this gradient. */
  #tracedBy = 0;
  #retaining: HookHandle | null = null;

  constructor(owner: Owner) {
    this.#owner = owner;
  }

  // --- as a leaf -----------------------------------------------------------------------------------------------------------

  /** The edge under which the owner is a leaf: always the same one, so that hooks outlive a `requiresGrad_(false)`. */
  get leaf(): LeafEdge {
    this.#leaf ??= new LeafEdge(this);
    return this.#leaf;
  }

  /** Whether the owner is a leaf that wants its gradient now. */
  want(on: boolean): void {
    this.#wanted = on;
  }

  accumulateGrad(grad: Value): void {
    if (this.#wanted) this.#add(grad);
  }

  // --- as a value that the tape made ---------------------------------------------------------------------------------------

  get retains(): boolean {
    return this.#retains;
  }

  retain(): void {
    this.#retains = true;
    this.follow(this.#owner.value.edge);
  }

  /** Keeps the gradient of what the owner is now; called whenever its place on the tape changes. */
  follow(edge: Edge | null): void {
    if (!this.#retains || edge === this.#retainedFrom) return;
    this.#retaining?.remove();
    this.#retainedFrom = edge;
    this.#retaining =
      edge === null || edge.kind === 'leaf' ? null : hooksOf(edge).keeping.add((grad) => this.#add(grad));
  }

  // --- the gradient --------------------------------------------------------------------------------------------------------

  /** Tells a trace that this gradient is used. */
  #touch(reads: boolean): void {
    const { current } = tracing;
    if (current === null || this.#tracedBy === current.id) return;
    this.#tracedBy = current.id;
    current.touchedSlot(this, reads);
  }

  /** What is there, without anybody being told: the storage that people see, or else the value. */
  peek(): { readonly storage: Storage | null; readonly value: Value | null } {
    return { storage: this.#storage, value: this.#grad };
  }

  /** Moves the value, which nobody sees as a storage, to another node that holds the same. */
  relocate(node: Node): void {
    if (this.#grad !== null) this.#announce(new Value(node, this.#grad.edge));
  }

  /** Takes note that the storage that people see has a new value. */
  refresh(): void {
    if (this.#storage !== null) this.#announce(this.#storage.value);
  }

  /** The gradient's value, or null. Looking at it this way does not make it the user's. */
  get value(): Value | null {
    if (tracing.current !== null) this.#touch(true);
    return this.#storage?.value ?? this.#grad;
  }

  /** A recorded sum is a new gradient; else it is added in place, as those who hold `grad` expect. */
  #add(grad: Value): void {
    const have = this.value;
    const recorded = isGradEnabled();
    const given = recorded || grad.edge === null ? grad : new Value(grad.node, null);
    if (have === null) {
      this.set(given);
      return;
    }
    const storage = this.#storage;
    const { ops } = this.#owner.storage.workspace;
    const sum = ops.arithmetic('add', have, given);
    if (recorded || storage === null) {
      this.set(sum);
      return;
    }
    storage.assign(new Value(sum.node, have.edge));
    this.#announce(storage.value);
  }

  /** Sets the gradient. It is written to memory before anything reads it, so that an optimizer updates all parameters in one launch. */
  set(grad: Value | null): void {
    if (tracing.current !== null) this.#touch(false);
    if (grad !== null) {
      this.#check(grad);
      this.#owner.storage.engine.pending.checkUsable(grad.node);
    }
    this.#storage = null;
    this.tensor = null;
    this.#announce(grad);
  }

  /** Makes another tensor's storage the gradient. */
  share(storage: Storage, tensor: Tensor): void {
    this.set(storage.value);
    this.#storage = storage;
    this.#release();
    this.tensor = tensor;
  }

  #announce(grad: Value | null): void {
    this.#release();
    this.#grad = grad;
    if (grad === null) return;
    this.#owner.storage.engine.pending.addGradient(grad.node);
    if (this.#storage !== null) return;
    this.#held = grad.node;
    grad.node.sharers++;
  }

  #release(): void {
    if (this.#held !== null) this.#held.sharers--;
    this.#held = null;
  }

  #check(grad: Value): void {
    const { shape, dtype } = untraced(() => this.#owner.value);
    if (!sameShape(grad.shape, shape)) {
      throw new ShapeError(
        `grad: a gradient of shape ${showShape(grad.shape)} does not fit a tensor of shape ${showShape(shape)}`,
      );
    }
    if (grad.dtype !== dtype) {
      throw new DTypeError(
        `grad: a gradient of dtype ${grad.dtype} does not fit a ${dtype} tensor; convert it with .to('${dtype}')`,
      );
    }
  }

  /** The gradient as a storage that tensors can share. */
  storage(): Storage | null {
    if (tracing.current !== null) this.#touch(true);
    if (this.#storage === null && this.#grad !== null) {
      this.#storage = this.#owner.storage.sibling(this.#grad);
      this.#release();
    }
    return this.#storage;
  }

  /** Drops the gradient. Memory that nobody else can have seen goes back to the pool at once. */
  clear(): void {
    if (tracing.current !== null) this.#touch(false);
    const { engine } = this.#owner.storage;
    const node = this.#grad?.node;
    const mine =
      this.#storage === null &&
      node !== undefined &&
      !node.handle &&
      node.saved === 0 &&
      this.#grad?.edge === null;
    this.#grad = null;
    this.#storage = null;
    this.tensor = null;
    this.#release();
    if (mine && node.buffer !== null && !node.isStale && node.sharers === 0) engine.discard(node);
  }
}
