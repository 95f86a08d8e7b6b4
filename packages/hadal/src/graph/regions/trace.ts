/**
 * Tracing a region: the function of one step is run once on parameters, and the nodes that it makes of them are the region. While it
 * runs, nothing is realised, and what depends on parameters is not recorded on the tape: the region is differentiated as a whole.
 *
 * What the function uses from outside becomes an invariant. Views and constants are taken into the region, where they cost nothing.
 */
import type { Value } from '../../autograd/value.js';
import { AutogradError } from '../../base/errors.js';
import type { Node, PendingGraph } from '../node.js';
import type { ResultType } from '../op.js';
import type { Position } from '../template-emitter.js';
import { RegionBuilder } from './builder.js';
import type { Region } from './region.js';

/** A region, and what it takes from outside, in the order of its invariants. */
export interface TracedRegion {
  readonly region: Region;
  readonly invariants: readonly Value[];
}

/** What a trace has to be told of the tape. */
export interface TraceOptions {
  /** The trace in whose function this one runs. */
  readonly outer: RegionTrace | null;
  /** Whether gradients are recorded around the scan. */
  readonly records: boolean;
  /** What a view is a view of, on the tape as well; null if that cannot be said. */
  readonly under: (view: Value) => Value | null;
  /** Whether gradients for two places on the tape end up at the same ones. */
  readonly sameEdge: (a: Value['edge'], b: Value['edge']) => boolean;
}

export class RegionTrace {
  readonly home: PendingGraph;
  /** The trace in whose function this one runs. */
  readonly outer: RegionTrace | null;
  /** Whether gradients are recorded around the scan. */
  readonly records: boolean;
  readonly parameters: readonly Node[];
  readonly #nodes = new Set<Node>();
  readonly #captured = new Map<Node, Value>();
  readonly #under: TraceOptions['under'];
  readonly #sameEdge: TraceOptions['sameEdge'];

  constructor(home: PendingGraph, types: readonly ResultType[], options: TraceOptions) {
    this.home = home;
    this.outer = options.outer;
    this.records = options.records;
    this.#under = options.under;
    this.#sameEdge = options.sameEdge;
    this.parameters = types.map((t) => home.parameter(t.shape, t.dtype));
    for (const p of this.parameters) this.#nodes.add(p);
  }

  /** Whether a node depends on parameters of this trace or of one around it. */
  depends(node: Node): boolean {
    return this.#nodes.has(node) || (this.outer?.depends(node) ?? false);
  }

  /** Takes up nodes made of inputs, if they depend on parameters; false if they do not. */
  takes(made: readonly Node[], inputs: readonly Value[]): boolean {
    if (!inputs.some((v) => this.#nodes.has(v.node))) return this.outer?.takes(made, inputs) ?? false;
    for (const node of made) this.#nodes.add(node);
    for (const v of inputs) this.uses(v);
    return true;
  }

  /** Notes a value that the function uses or gives; from outside it is an invariant. */
  uses(v: Value): void {
    if (this.#nodes.has(v.node)) return;
    const have = this.#captured.get(v.node);
    if (have !== undefined && !this.#sameEdge(have.edge, v.edge)) {
      throw new AutogradError(
        'scan: the step uses a tensor from outside both on the tape and off it (by detach() or under noGrad()); ' +
          'make a copy of its own for one of the two before the scan, such as detach().clone()',
      );
    }
    this.#captured.set(v.node, v);
  }

  /** The region that computes `results`, whose first parameters are carries, then slices. */
  finish(results: readonly Value[], carries: number): TracedRegion {
    for (const r of results) this.uses(r);
    const nodes = this.#reached(results.map((r) => r.node));
    const e = new RegionBuilder();
    const at = new Map<Node, Position>();
    for (const p of this.parameters) at.set(p, e.parameter(p));
    const invariants: Value[] = [];
    const places: Position[] = [];
    for (const node of nodes) {
      if (at.has(node)) continue;
      const outside = this.#captured.get(node);
      if (outside !== undefined) {
        const place = e.parameter(node);
        invariants.push(outside);
        places.push(place);
        at.set(node, place);
        continue;
      }
      const inputs = node.inputs.map((i) => at.get(i) ?? e.parameter(i));
      at.set(node, e.emit(node.op, inputs, node.attributes, node.shape, node.dtype));
    }
    const own = this.parameters.map((p) => at.get(p) ?? e.parameter(p));
    const region = e.finish(
      { carries: own.slice(0, carries), slices: own.slice(carries), invariants: places },
      results.map((r) => at.get(r.node) ?? e.parameter(r.node)),
    );
    return { region, invariants };
  }

  /** All that results are made of within the region, in the order of creation; views and constants from outside are let in. */
  #reached(results: readonly Node[]): Node[] {
    const found = new Set<Node>();
    const stack = [...results];
    for (let n = stack.pop(); n !== undefined; n = stack.pop()) {
      if (found.has(n)) continue;
      found.add(n);
      if (this.#nodes.has(n)) {
        stack.push(...n.inputs);
        continue;
      }
      const value = this.#captured.get(n);
      if (value === undefined) continue;
      if (n.op.name === 'constant' || n.op.name === 'iota') {
        if (n.buffer === null) this.#captured.delete(n);
        continue;
      }
      const under = n.op.kind === 'movement' && n.buffer === null ? this.#under(value) : null;
      if (under === null) continue;
      const have = this.#captured.get(under.node);
      if (have !== undefined && !this.#sameEdge(have.edge, under.edge)) continue;
      this.#captured.delete(n);
      this.#captured.set(under.node, under);
      stack.push(under.node);
    }
    return [...found].sort((a, b) => a.id - b.id);
  }
}
