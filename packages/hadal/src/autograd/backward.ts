/**
 * Going back over the tape: reverse-mode differentiation. Gradients are values, so with `createGraph` the pass itself is recorded
 * and can be differentiated again.
 */
import { config } from '../base/config.js';
import { AutogradError, CompileError } from '../base/errors.js';
import { recording } from '../base/recording.js';
import { anomalyMode, whileDifferentiating } from './creation.js';
import { withGradMode } from './mode.js';
import type { AutogradOps } from './ops.js';
import type { Edge, GradFn, LeafEdge } from './tape.js';
import { gradFnOf, gradFnsBehind, tapeFloor } from './tape.js';
import type { Value } from './value.js';

export interface BackwardOptions {
  /** Keep what was saved, so that backward can go over the same graph again. As `createGraph` if left out. */
  readonly retainGraph?: boolean;
  /** Record the backward pass, so that gradients can be differentiated. */
  readonly createGraph?: boolean;
}

/** One of the values that the pass starts from, and its gradient. */
export interface Root {
  readonly value: Value;
  readonly grad: Value;
}

export interface Pass {
  readonly roots: readonly Root[];
  readonly options: BackwardOptions;
  /** Gradients are wanted for these edges only; null: for every leaf. */
  readonly wanted: ReadonlySet<Edge> | null;
  /** Where gradients of `wanted` are put; null: leaves accumulate theirs. */
  readonly captured: Map<Edge, Value> | null;
  /** Whether this is part of another pass, which goes on from `wanted` and runs the hooks there. */
  readonly inner?: boolean;
  /** Looks at each gradient of an operand as it is made; null for none. */
  readonly inspect: ((fn: GradFn, operand: number, grad: Value) => void) | null;
}

/** What the pass will do, in its order. */
interface Route {
  /** Every grad fn on the way, last one first. */
  readonly order: readonly GradFn[];
  /** Those whose operands' gradients are wanted; null for all. */
  readonly computed: ReadonlySet<GradFn> | null;
  /** How often a leaf's gradient will still be added to. */
  readonly pending: Map<LeafEdge, number>;
}

function plan(starts: readonly Edge[], wanted: ReadonlySet<Edge> | null, inner: boolean): Route {
  const order = gradFnsBehind(starts, (edge) => !(inner && wanted?.has(edge)));
  const computed = wanted === null ? null : towards(order, wanted);
  const pending = new Map<LeafEdge, number>();
  for (const fn of computed ?? order) {
    const { inputs } = fn;
    for (let i = 0; i < inputs.length; i++) {
      const edge = inputs[i];
      if (edge?.kind === 'leaf') pending.set(edge, (pending.get(edge) ?? 0) + 1);
    }
  }
  return { order, computed, pending };
}

/** The grad fns from whose operands a wanted edge can be reached. */
function towards(order: readonly GradFn[], wanted: ReadonlySet<Edge>): Set<GradFn> {
  const found = new Set<GradFn>();
  for (let i = order.length - 1; i >= 0; i--) {
    const leads = order[i].inputs.some((edge) => {
      if (edge === null) return false;
      const fn = gradFnOf(edge);
      return wanted.has(edge) || (fn !== null && found.has(fn));
    });
    if (leads) found.add(order[i]);
  }
  return found;
}

/**
 * Runs the tape back from the roots.
 *
 * A gradient is complete when every grad fn that adds to it has run. Then its hooks see it, in the order of registering; then it is
 * captured or accumulated; then the grad fn that it belongs to runs. Leaves do not wait for the end of the pass.
 */
export function runBackward(ops: AutogradOps, pass: Pass): void {
  const record = pass.options.createGraph ?? false;
  const recorder = recording.current;
  const span = recorder?.begin('backward') ?? 0;
  try {
    withGradMode(record, () => new BackwardPass(ops, pass).run());
  } finally {
    recorder?.end(span);
  }
}

const isThere = (grad: Value | null): boolean => grad !== null;

class BackwardPass {
  readonly #ops: AutogradOps;
  readonly #pass: Pass;
  readonly #keep: boolean;
  readonly #route: Route;
  readonly #starts: readonly Edge[];
  /** Gradients that have been begun and not used yet. */
  readonly #grads = new Map<Edge, Value>();

  constructor(ops: AutogradOps, pass: Pass) {
    this.#ops = ops;
    this.#pass = pass;
    this.#keep = pass.options.retainGraph ?? pass.options.createGraph ?? false;
    this.#starts = pass.roots.map(({ value: { edge } }) => {
      if (edge !== null) return edge;
      throw new AutogradError(
        'backward: this tensor does not depend on any tensor that requires a gradient. ' +
          'Make a parameter with requiresGrad_(), and do not compute under noGrad() or detach() on the way.',
      );
    });
    this.#route = plan(this.#starts, pass.wanted, pass.inner ?? false);
  }

  run(): void {
    const { order, computed, pending } = this.#route;
    this.#pass.roots.forEach(({ grad }, i) => {
      this.#add(this.#starts[i], grad);
    });
    for (const edge of new Set(this.#starts))
      if (edge.kind === 'leaf' && !pending.has(edge)) this.#finishLeaf(edge);
    for (const fn of order) {
      const grads = fn.outputs === null ? [this.#take(fn)] : fn.outputs.map((edge) => this.#take(edge));
      if (computed !== null && !computed.has(fn)) continue;
      if (grads.some(isThere)) this.#step(fn, grads);
      if (this.#ops.home.nodes > config.pendingNodes) this.#realize();
      const { inputs } = fn;
      for (let i = 0; i < inputs.length; i++) {
        const edge = inputs[i];
        if (edge?.kind !== 'leaf') continue;
        const left = (pending.get(edge) ?? 0) - 1;
        pending.set(edge, left);
        if (left === 0) this.#finishLeaf(edge);
      }
    }
    if (this.#pass.inner) for (const edge of this.#pass.wanted ?? []) this.#take(edge);
  }

  /**
   * Computes what has been begun. Gradients on the way are no tensors, so no budget of pending tensors would cut the graph of a long
   * tape; its parts are often alike, where the whole takes seconds and hundreds of megabytes to plan.
   */
  #realize(): void {
    const { home } = this.#ops;
    if (home.trace === null) home.flush([...this.#grads.values()].map(({ node }) => node));
  }

  /** Whether the gradient of an edge is wanted, for itself or for others. */
  #leadsOn(edge: Edge): boolean {
    const { wanted } = this.#pass;
    if (wanted === null || wanted.has(edge)) return true;
    const fn = gradFnOf(edge);
    return fn !== null && (this.#route.computed?.has(fn) ?? true);
  }

  #add(edge: Edge, grad: Value): void {
    const have = this.#grads.get(edge);
    this.#grads.set(edge, have ? this.#ops.arithmetic('add', have, grad) : grad);
  }

  /** The complete gradient of an edge after its hooks, or null if nothing reached it. */
  #take(edge: Edge): Value | null {
    let grad = this.#grads.get(edge);
    if (grad === undefined) return null;
    this.#grads.delete(edge);
    const wanted = this.#pass.wanted?.has(edge) ?? false;
    if (edge.hooks !== null && !(wanted && this.#pass.inner === true)) grad = edge.hooks.run(grad);
    if (this.#pass.captured !== null && wanted) this.#pass.captured.set(edge, grad);
    return grad;
  }

  #step(fn: GradFn, grads: readonly (Value | null)[]): void {
    if (fn.sequence < tapeFloor.sequence) {
      throw new CompileError(
        `compile: backward() inside of the function goes over ${fn.name}, which was recorded before the function was called; ` +
          'compute what it differentiates inside of the function, or detach() its arguments',
      );
    }
    const results = anomalyMode.unset
      ? fn.backward(this.#ops, grads)
      : whileDifferentiating(fn, () => fn.backward(this.#ops, grads));
    const { inputs } = fn;
    for (let i = 0; i < inputs.length; i++) {
      const edge = inputs[i];
      const grad = results[i];
      if (edge === null || !grad || !this.#leadsOn(edge)) continue;
      if (this.#pass.inspect !== null) this.#pass.inspect(fn, i, grad);
      this.#add(edge, grad);
    }
    if (!this.#keep) fn.release();
  }

  #finishLeaf(edge: LeafEdge): void {
    const { wanted, captured } = this.#pass;
    if (wanted !== null && !wanted.has(edge)) return;
    const grad = this.#take(edge);
    if (grad === null || captured !== null) return;
    edge.owner.accumulateGrad(grad);
    for (const hook of edge.afterAccumulate.all()) hook();
  }
}
