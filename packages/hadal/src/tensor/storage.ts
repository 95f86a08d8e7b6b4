/**
 * A storage is what tensors that alias each other share: the current value, how often it was changed in place, and the gradient.
 * An in-place op gives the storage a new value (nothing is overwritten until the graph runs), and every alias follows.
 */
import type { LeafEdge } from '../autograd/tape.js';
import type { Versioned } from '../autograd/value.js';
import { Value } from '../autograd/value.js';
import { config } from '../base/config.js';
import { ShapeError } from '../base/errors.js';
import { sameShape, showShape } from '../base/shape.js';
import type { Assignable, Engine } from '../engine/engine.js';
import type { Node } from '../graph/node.js';
import type { Workspace } from './workspace.js';

export class Storage implements Assignable, Versioned {
  readonly workspace: Workspace;
  version = 0;
  #value: Value;
  #target: Node | null = null;
  /** The gradient, as a storage of its own once somebody has looked at it. */
  #grad: Value | null = null;
  #gradStorage: Storage | null = null;

  constructor(workspace: Workspace, value: Value) {
    this.workspace = workspace;
    // A value of another storage becomes one of its own: it would follow the other's changes and be a leaf where the other is.
    let own = value;
    if (value.edge?.kind === 'leaf') own = workspace.ops.copy(value);
    else if (value.origin !== null) own = new Value(value.node, value.edge);
    this.#value = own.belongTo(this);
    own.node.storages++;
    workspace.engine.pending.addHandle(own.node);
  }

  get engine(): Engine {
    return this.workspace.engine;
  }

  get value(): Value {
    return this.#value;
  }

  get node(): Node {
    return this.#value.node;
  }

  get target(): Node | null {
    return this.#target;
  }

  settled(): void {
    this.#target = null;
  }

  /** Replaces the value in place. The old memory is reused if nobody else's value lies in it. */
  assign(value: Value, trace: Error | null = null): void {
    this.engine.pending.checkUsable(value.node);
    const before = this.#value.node;
    this.version++;
    this.#value = new Value(value.node, value.edge).belongTo(this);
    if (value.node === before) return;
    before.storages--;
    value.node.storages++;
    if (this.#target === null && before.buffer !== null && !before.isStale) {
      this.#target = before;
      if (trace !== null) before.buffer.overwrittenAt = trace;
      else if (config.tracedTensors > 0) {
        config.tracedTensors--;
        before.buffer.overwrittenAt = new Error('overwritten here');
      }
    }
    this.engine.pending.addHandle(value.node);
    this.engine.dirty.add(this);
  }

  /** Makes this storage a leaf of the tape, or takes that back. */
  setRequiresGrad(on: boolean): void {
    this.#value = new Value(this.#value.node, on ? this.#leafEdge() : null).belongTo(this);
  }

  #leafEdge(): LeafEdge {
    return { kind: 'leaf', accumulate: (grad) => this.accumulateGrad(grad) };
  }

  // --- gradient ------------------------------------------------------------------------------------------------------------

  /** The gradient's value, or null. Looking at it this way does not make it the user's. */
  get gradValue(): Value | null {
    return this.#gradStorage?.value ?? this.#grad;
  }

  accumulateGrad(grad: Value): void {
    const have = this.gradValue;
    this.setGrad(have ? this.workspace.ops.arithmetic('add', have, grad) : grad);
  }

  /** Sets the gradient. It is written to memory before anything reads it, so that an optimizer updates all parameters in one launch. */
  setGrad(grad: Value | null): void {
    if (grad !== null && !sameShape(grad.shape, this.#value.shape)) {
      throw new ShapeError(
        `grad: a gradient of shape ${showShape(grad.shape)} does not fit a tensor of shape ${showShape(this.#value.shape)}`,
      );
    }
    if (grad !== null) this.engine.pending.checkUsable(grad.node);
    this.#gradStorage = null;
    this.#grad = grad;
    if (grad !== null) this.engine.pending.addGradient(grad.node);
  }

  /** The gradient as a storage that tensors can share. */
  gradStorage(): Storage | null {
    if (this.#gradStorage === null && this.#grad !== null)
      this.#gradStorage = new Storage(this.workspace, this.#grad);
    return this.#gradStorage;
  }

  /** Drops the gradient. Memory that nobody else can have seen goes back to the pool at once. */
  clearGrad(): void {
    const node = this.#grad?.node;
    const mine =
      this.#gradStorage === null &&
      node !== undefined &&
      !node.handle &&
      node.saved === 0 &&
      this.#grad?.edge === null;
    this.#grad = null;
    this.#gradStorage = null;
    if (mine && node.buffer !== null && !node.isStale && node.sharers === 1 && this.engine.isIdle)
      this.engine.discard(node);
    else if (node) node.sharers--;
  }
}
