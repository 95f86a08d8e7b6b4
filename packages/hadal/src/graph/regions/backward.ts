/**
 * The backward step of a region: the body of the scan that runs the other way and carries the gradients of carries. It reads what the
 * forward steps kept (the values of carries, and what `kept.ts` says, a stack each) and computes everything else again.
 */
import { isFloat } from '../../base/dtype.js';
import { InternalError, known } from '../../base/errors.js';
import type { TupleVjpContext, VjpContext } from '../op.js';
import { isTuple } from '../op.js';
import type { TemplateNode } from '../template.js';
import type { Position } from '../template-emitter.js';
import { RegionBuilder } from './builder.js';
import { keptNodes } from './kept.js';
import type { Region } from './region.js';
import { parameterKind } from './region.js';
import type { Stacked, StepSum } from './step-sum.js';
import { linearOps } from './step-sum.js';

/** Where a slice of the backward scan comes from: an operand of the forward scan, a node that it kept, or the gradient of a result. */
export type SliceSource =
  | { readonly from: 'parameter'; readonly parameter: number }
  | { readonly from: 'kept'; readonly node: number }
  | { readonly from: 'gradient'; readonly result: number };

export interface BackwardStep {
  readonly region: Region;
  /** The carries that have a gradient; the first carries of the backward region are these gradients, the others add up. */
  readonly carries: readonly number[];
  readonly sums: readonly { readonly node: TemplateNode }[];
  readonly slices: readonly SliceSource[];
  /** The forward parameter of each invariant. */
  readonly invariants: readonly number[];
  /** For each forward slice: which stack has its gradient; null for none. */
  readonly sliceGradients: readonly (number | null)[];
  /** For each forward invariant: its gradient; null for none. */
  readonly invariantGradients: readonly (StepSum | null)[];
}

/** Nodes through which gradients flow to parameters that need one. */
export function activeNodes(region: Region, needs: readonly boolean[]): readonly boolean[] {
  const needed = [...needs];
  for (;;) {
    const flows: boolean[] = [];
    const active: boolean[] = [];
    for (const { op, leaf, inputs, dtype } of region.nodes) {
      // The first result of an op may be of integers and its others not.
      const from = op.kind === 'result' ? flows : active;
      const isOpen = op.vjp !== null || op.kind === 'result';
      const now = leaf >= 0 ? needed[leaf] : isOpen && inputs.some((i) => from[i]);
      flows.push(now);
      active.push(now && isFloat(dtype));
    }
    let grown = false;
    for (let c = 0; c < region.carries; c++) {
      if (needed[c] || !active[region.results[c]]) continue;
      needed[c] = true;
      grown = true;
    }
    if (!grown) return active;
  }
}

/** Builds the backward step for gradients of the results that are `present`. */
export function backwardStep(
  region: Region,
  active: readonly boolean[],
  present: readonly boolean[],
): BackwardStep {
  return new BackwardBuilder(region, active, present).build();
}

class BackwardBuilder {
  readonly #region: Region;
  readonly #active: readonly boolean[];
  readonly #present: readonly boolean[];
  readonly #e = new RegionBuilder();
  readonly #kept: ReadonlySet<number>;
  readonly #values = new Map<number, Position>();
  readonly #grads = new Map<number, Position>();
  readonly #slices: { readonly source: SliceSource; readonly at: Position }[] = [];
  readonly #invariants: { readonly parameter: number; readonly at: Position }[] = [];
  readonly #stacks: Position[] = [];
  readonly #sums: { readonly at: Position; readonly of: Position }[] = [];

  constructor(region: Region, active: readonly boolean[], present: readonly boolean[]) {
    this.#region = region;
    this.#active = active;
    this.#present = present;
    this.#kept = keptNodes(region);
  }

  build(): BackwardStep {
    const { nodes, parameters, results, carries: count, slices, invariants } = this.#region;
    const carries = parameters.slice(0, count).flatMap((at, c) => (this.#active[at] ? [c] : []));
    const fromLater = carries.map((c) => this.#e.parameter(nodes[parameters[c]]));
    carries.forEach((c, i) => {
      this.#add(results[c], fromLater[i]);
    });
    results.forEach((at, r) => {
      if (r >= count && this.#present[r] && this.#active[at])
        this.#add(at, this.#slice(nodes[at], { from: 'gradient', result: r }));
    });
    for (let i = nodes.length - 1; i >= 0; i--) this.#back(i);

    const next = carries.map((c) => {
      const { dtype, shape } = nodes[parameters[c]];
      return this.#grads.get(parameters[c]) ?? this.#e.constant(0, dtype, shape);
    });
    const sliceGradients = parameters.slice(count, count + slices).map((at) => {
      const grad = this.#grads.get(at);
      return grad === undefined ? null : this.#stackOf(grad);
    });
    const ofInvariants = parameters
      .slice(count + slices, count + slices + invariants)
      .map((at) => this.#grads.get(at));
    // Operands of products first, so that other sums find them stacked.
    for (const grad of ofInvariants) if (grad !== undefined) this.#stackProducts(grad);
    const invariantGradients = ofInvariants.map((grad) => (grad === undefined ? null : this.#sum(grad)));

    const totals = this.#sums.map(({ at, of }) => this.#e.arithmetic('add', at, of));
    const made = this.#e.finish(
      {
        carries: [...fromLater, ...this.#sums.map((s) => s.at)],
        slices: this.#slices.map((s) => s.at),
        invariants: this.#invariants.map((s) => s.at),
      },
      [...next, ...totals, ...this.#stacks],
    );
    return {
      region: made,
      carries,
      sums: this.#sums.map(({ at }) => ({ node: this.#e.nodes[at.at] })),
      slices: this.#slices.map((s) => s.source),
      invariants: this.#invariants.map((s) => s.parameter),
      sliceGradients,
      invariantGradients,
    };
  }

  // --- forward values --------------------------------------------------------------------------------------------------------

  #slice(of: TemplateNode, source: SliceSource): Position {
    const have = this.#slices.find(({ source: s }) => JSON.stringify(s) === JSON.stringify(source));
    if (have !== undefined) return have.at;
    const at = this.#e.parameter(of);
    this.#slices.push({ source, at });
    return at;
  }

  /** The value that a forward node had in the step. */
  #value(id: number): Position {
    const have = this.#values.get(id);
    if (have !== undefined) return have;
    const made = this.#newValue(id);
    this.#values.set(id, made);
    return made;
  }

  #newValue(id: number): Position {
    const n = this.#region.nodes[id];
    if (n.leaf >= 0) {
      const kind = parameterKind(this.#region, n.leaf);
      if (kind === 'carry') return this.#slice(n, { from: 'kept', node: id });
      if (kind === 'slice') return this.#slice(n, { from: 'parameter', parameter: n.leaf });
      const at = this.#e.parameter(n);
      this.#invariants.push({ parameter: n.leaf, at });
      return at;
    }
    if (this.#kept.has(id)) return this.#slice(n, { from: 'kept', node: id });
    return this.#e.emit(
      n.op,
      n.inputs.map((i) => this.#value(i)),
      n.attributes,
      n.shape,
      n.dtype,
    );
  }

  // --- gradients -------------------------------------------------------------------------------------------------------------

  #add(id: number, grad: Position): void {
    const have = this.#grads.get(id);
    this.#grads.set(id, have === undefined ? grad : this.#e.arithmetic('add', have, grad));
  }

  #back(id: number): void {
    const { op, leaf, inputs } = this.#region.nodes[id];
    if (leaf >= 0 || op.kind === 'result' || op.vjp === null) return;
    const context = this.#context(id);
    let found: readonly (Position | null)[];
    if (isTuple(op)) {
      const ids = this.#resultsOf(id);
      const grads = ids.map((r) => (r === null ? null : (this.#grads.get(r) ?? null)));
      if (op.vjp === null || grads.every((g) => g === null)) return;
      const tuple: TupleVjpContext<Position> = {
        ...context,
        output: (i) => this.#value(known(ids[i], `result ${i} of ${op.name}`)),
      };
      found = op.vjp(tuple, grads);
    } else {
      const grad = this.#grads.get(id);
      if (grad === undefined || !this.#active[id] || op.vjp === null) return;
      const single: VjpContext<Position> = { ...context, output: () => this.#value(id) };
      found = op.vjp(single, grad);
    }
    inputs.forEach((input, i) => {
      const g = found[i] ?? null;
      if (g !== null && this.#active[input]) this.#add(input, g);
    });
  }

  #context(id: number): Omit<VjpContext<Position>, 'output'> {
    const { nodes } = this.#region;
    const { inputs, attributes } = nodes[id];
    return {
      ops: this.#e,
      input: (i) => this.#value(inputs[i]),
      inputShapes: inputs.map((i) => nodes[i].shape),
      inputDTypes: inputs.map((i) => nodes[i].dtype),
      attributes,
      needs: inputs.map((i) => this.#active[i]),
    };
  }

  /** The nodes of all results of an op that has several; null for those that nothing uses. */
  #resultsOf(id: number): readonly (number | null)[] {
    const { nodes } = this.#region;
    const { op, inputs, attributes } = nodes[id];
    if (!isTuple(op)) throw new InternalError(`${op.name} has one result`);
    const types = op.results(
      inputs.map((i) => nodes[i]),
      attributes,
    );
    return types.map((_, r) => {
      if (r === 0) return id;
      const at = nodes.findIndex(
        (n) => n.op.kind === 'result' && n.inputs[0] === id && n.attributes[0] === r,
      );
      return at < 0 ? null : at;
    });
  }

  // --- sums over steps -------------------------------------------------------------------------------------------------------

  #stackOf(x: Position): number {
    const have = this.#stacks.findIndex((s) => s.at === x.at);
    return have >= 0 ? have : this.#stacks.push(x) - 1;
  }

  /** What is stacked outside already: an operand, a result, or elements of one in another order. */
  #alreadyStacked(x: Position): Stacked | null {
    const slice = this.#slices.findIndex((s) => s.at.at === x.at);
    if (slice >= 0) return { from: 'operand', slice };
    const stack = this.#stacks.findIndex((s) => s.at === x.at);
    if (stack >= 0) return { from: 'result', stack };
    const n = this.#e.nodes[x.at];
    if (n.op.name !== 'reshape' && n.op.name !== 'permute') return null;
    const of = this.#alreadyStacked(this.#e.position(n.inputs[0]));
    if (of === null) return null;
    return n.op.name === 'reshape'
      ? { from: 'reshape', of, shape: n.shape }
      : { from: 'permute', of, order: n.attributes };
  }

  #stacked(x: Position): Stacked {
    return this.#alreadyStacked(x) ?? { from: 'result', stack: this.#stackOf(x) };
  }

  #stackProducts(x: Position): void {
    const { op, leaf, inputs } = this.#e.nodes[x.at];
    if (leaf >= 0) return;
    if (op.name === 'dot') for (const i of inputs) this.#stacked(this.#e.position(i));
    else if (op.name === 'add' || linearOps.has(op.name))
      for (const i of inputs) this.#stackProducts(this.#e.position(i));
  }

  #sum(x: Position): StepSum {
    const n = this.#e.nodes[x.at];
    const inputs = n.inputs.map((i) => this.#e.position(i));
    const of = this.#alreadyStacked(x);
    if (of !== null) return { kind: 'stacked', of };
    if (n.op.name === 'dot') {
      const [a, b] = inputs.map((i) => this.#stacked(i));
      return { kind: 'dot', a, b, attributes: n.attributes };
    }
    if (n.op.name === 'add') return { kind: 'add', a: this.#sum(inputs[0]), b: this.#sum(inputs[1]) };
    if (linearOps.has(n.op.name) && n.leaf < 0) {
      const { name } = n.op;
      return { kind: 'linear', name, of: this.#sum(inputs[0]), attributes: n.attributes, shape: n.shape };
    }
    const have = this.#sums.findIndex((s) => s.of.at === x.at);
    if (have >= 0) return { kind: 'carried', carry: have };
    this.#sums.push({ at: this.#e.parameter(n), of: x });
    return { kind: 'carried', carry: this.#sums.length - 1 };
  }
}
