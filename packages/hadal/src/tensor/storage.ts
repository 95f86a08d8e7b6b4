/**
 * A storage is what tensors that alias each other share: the current value, how often it was changed in place, and the gradient.
 * An in-place op gives the storage a new value (nothing is overwritten until the graph runs), and every alias follows.
 */
import type { Edge } from '../autograd/tape.js';
import type { Versioned } from '../autograd/value.js';
import { Value } from '../autograd/value.js';
import { config } from '../base/config.js';
import { ArgumentError } from '../base/errors.js';
import type { Engine } from '../engine/engine.js';
import type { Assignable } from '../engine/roots.js';
import type { Node } from '../graph/node.js';
import type { RegionTrace } from '../graph/regions/trace.js';
import { GradSlot } from './grad-slot.js';
import { tracing } from './tracing.js';
import type { Workspace } from './workspace.js';

function traceNow(): Error | null {
  if (!config.debug && config.tracedTensors <= 0) return null;
  config.tracedTensors--;
  return new Error('overwritten here');
}

export class Storage implements Assignable, Versioned {
  readonly workspace: Workspace;
  /** The step of a scan that it was made in, if any. */
  readonly #trace: RegionTrace | null;
  version = 0;
  modifiedAt: Error | null = null;
  #value: Value;
  #target: Node | null = null;
  #slot: GradSlot | null = null;
  /** The last trace that knows this storage. */
  #tracedBy = 0;

  /** @param sharedSlot for a stand-in of another storage: the gradient that the two have in common. */
  constructor(workspace: Workspace, value: Value, sharedSlot: GradSlot | null = null) {
    this.workspace = workspace;
    this.#trace = workspace.engine.pending.trace;
    // A value of another storage becomes one of its own: it would follow the other's changes and be a leaf where the other is.
    let own = value;
    if (sharedSlot !== null) this.#slot = sharedSlot;
    else if (value.edge?.kind === 'leaf') own = workspace.ops.copy(value);
    else if (value.origin !== null) own = new Value(value.node, value.edge);
    this.#value = own.belongTo(this);
    own.node.storages++;
    if (tracing.current !== null) {
      this.#tracedBy = tracing.current.id;
      tracing.current.created(this);
    }
    workspace.engine.pending.addHandle(own.node);
  }

  /** Tells a trace that something that was there before is used. */
  #touch(): void {
    const { current } = tracing;
    if (current === null || this.#tracedBy === current.id) return;
    this.#tracedBy = current.id;
    current.touched(this);
  }

  get engine(): Engine {
    return this.workspace.engine;
  }

  get value(): Value {
    if (tracing.current !== null) this.#touch();
    return this.#value;
  }

  get node(): Node {
    if (tracing.current !== null) this.#touch();
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
    if (tracing.current !== null) this.#touch();
    const { pending } = this.engine;
    if (pending.trace !== this.#trace && pending.trace !== null)
      throw new ArgumentError(
        'scan: a tensor from outside of the step is changed in place, which would happen once and not in every step; ' +
          'make it a carry, or use the op without the underscore',
      );
    pending.checkUsable(value.node);
    const before = this.#value.node;
    this.version++;
    if (this.#value.edge !== value.edge) this.#slot?.follow(value.edge);
    this.#value = new Value(value.node, value.edge).belongTo(this);
    this.modifiedAt = trace ?? traceNow();
    if (value.node === before) return;
    before.storages--;
    value.node.storages++;
    // In the step of a scan nothing is overwritten: there is no memory yet.
    const isTraced = pending.trace !== null;
    if (!isTraced && this.#target === null && before.buffer !== null && !before.isStale) {
      this.#target = before;
      before.buffer.overwrittenAt = this.modifiedAt;
    }
    pending.addHandle(value.node);
    if (!isTraced) this.engine.dirty.add(this);
  }

  /** Moves the value to another node that holds the same. */
  relocate(node: Node): void {
    this.#value.node.storages--;
    node.storages++;
    node.handle = true;
    this.#value = new Value(node, this.#value.edge).belongTo(this);
  }

  /** Moves a value that is in memory to memory that no other storage has, so that updates can overwrite it. */
  separate(): void {
    const { node, engine } = this;
    // What is recorded knows only the memory that it was told of.
    if (node.buffer === null || node.storages === 1 || engine.runRecorder !== null) return;
    this.relocate(engine.duplicate(node));
  }

  /** Takes over a value that is in memory already and was computed by `updates` updates in place. */
  adopt(node: Node, edge: Edge | null, updates: number): void {
    const before = this.#value;
    this.version += updates;
    if (before.edge !== edge) this.#slot?.follow(edge);
    before.node.storages--;
    node.storages++;
    node.handle = true;
    this.#value = new Value(node, edge).belongTo(this);
    this.modifiedAt = traceNow();
    if (before.node.buffer !== null) before.node.buffer.overwrittenAt = this.modifiedAt;
  }

  /** Gives the value another place on the tape; the contents stay. */
  rebase(edge: Edge | null): void {
    if (tracing.current !== null) this.#touch();
    this.#value = new Value(this.#value.node, edge).belongTo(this);
    this.#slot?.follow(edge);
  }

  /** Makes this storage a leaf of the tape, or takes that back. */
  setRequiresGrad(on: boolean): void {
    this.slot.want(on);
    this.rebase(on ? this.slot.leaf : null);
  }

  /** A storage of its own for another value. */
  sibling(value: Value): Storage {
    return new Storage(this.workspace, value);
  }

  // --- gradient ------------------------------------------------------------------------------------------------------------

  get storage(): this {
    return this;
  }

  /** The gradient and what belongs to it, made when first asked for. */
  get slot(): GradSlot {
    this.#slot ??= new GradSlot(this);
    return this.#slot;
  }

  /** The gradient's value, or null. Looking at it this way does not make it the user's. */
  get gradValue(): Value | null {
    return this.#slot?.value ?? null;
  }

  setGrad(grad: Value | null): void {
    this.slot.set(grad);
  }

  clearGrad(): void {
    this.#slot?.clear();
  }
}
