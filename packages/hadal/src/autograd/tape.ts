/**
 * The tape: what was done, so that it can be gone back over. Terms:
 * - a **grad fn** is one thing that was done: an op of the graph, or a custom function of the user;
 * - an **edge** is where the gradient of a value goes. A grad fn with one result is the edge of that result; one with several has an
 *   `OutputEdge` for each; a tensor that the user wants a gradient for is a `LeafEdge`.
 *
 * Sequence numbers grow with every grad fn, so going back in descending order visits each after all that used its results.
 */
import { sortByNumber } from '../base/number-order.js';
import type { Creation } from './creation.js';
import { creationNow } from './creation.js';
import { EdgeHooks, HookList } from './hooks.js';
import type { AutogradOps } from './ops.js';
import type { Value } from './value.js';

let sequence = 0;

let walks = 0;

const sequenceOf = (fn: GradFn): number => fn.sequence;

/** The number of the next grad fn. */
export function nextSequence(): number {
  return sequence;
}

/** Grad fns below this number are not gone over now: they belong to what is around a function that is being traced. */
export const tapeFloor = { sequence: 0 };

/** Whoever a leaf's gradient belongs to. */
export interface LeafOwner {
  accumulateGrad(grad: Value): void;
}

/** What `tensor.gradFn` shows of the tape. */
export interface GradNode {
  /** PyTorch's name for it: `'MulBackward'`; `'AccumulateGrad'` for a leaf. */
  readonly name: string;
  /** For each operand: where its gradient goes and as the gradient of which of its results; null if it has none. */
  readonly nextFunctions: readonly (readonly [node: GradNode, output: number] | null)[];
}

/** A tensor that the user wants a gradient for. */
export class LeafEdge implements GradNode {
  readonly kind = 'leaf';
  readonly name = 'AccumulateGrad';
  readonly nextFunctions = [];
  readonly owner: LeafOwner;
  hooks: EdgeHooks | null = null;
  /** Run when the gradient has been added to what was there. */
  readonly afterAccumulate = new HookList<() => void>();

  constructor(owner: LeafOwner) {
    this.owner = owner;
  }
}

/** One of several results of a grad fn. */
export class OutputEdge {
  readonly kind = 'output';
  readonly fn: GradFn;
  readonly index: number;
  hooks: EdgeHooks | null = null;

  constructor(fn: GradFn, index: number) {
    this.fn = fn;
    this.index = index;
  }
}

export type Edge = GradFn | OutputEdge | LeafEdge;

export abstract class GradFn implements GradNode {
  readonly kind = 'op';
  readonly sequence = sequence++;
  readonly creation: Creation | null = creationNow();
  hooks: EdgeHooks | null = null;
  /** The last walk that came here. */
  mark = 0;
  /** Where the gradients of the operands go. */
  abstract readonly inputs: readonly (Edge | null)[];
  /** The edges of several results, or null if there is one and this is its edge. */
  abstract readonly outputs: readonly OutputEdge[] | null;
  abstract get name(): string;

  /** Whether a backward pass has gone over this and freed what was saved. */
  abstract get spent(): boolean;

  /** Gradients of the operands, given those of the results; null for none. */
  abstract backward(ops: AutogradOps, grads: readonly (Value | null)[]): readonly (Value | null)[];

  /** Lets go of what was saved. */
  abstract release(): void;

  get nextFunctions(): readonly (readonly [node: GradNode, output: number] | null)[] {
    return this.inputs.map((edge) => {
      if (edge === null) return null;
      return edge.kind === 'output' ? [edge.fn, edge.index] : [edge, 0];
    });
  }
}

/** The grad fn that made what an edge is of, or null for leaves. */
export function gradFnOf(edge: Edge | null): GradFn | null {
  if (edge === null || edge.kind === 'leaf') return null;
  return edge.kind === 'op' ? edge : edge.fn;
}

/** Every grad fn behind some edges, the latest first. `enters` says which edges are gone through. */
export function gradFnsBehind(
  starts: readonly (Edge | null)[],
  enters: (edge: Edge, fn: GradFn) => boolean,
): GradFn[] {
  const walk = ++walks;
  // What was found is what is still to be gone through.
  const found: GradFn[] = [];
  const visit = (edge: Edge | null): void => {
    const fn = gradFnOf(edge);
    if (edge === null || fn === null || fn.mark === walk || !enters(edge, fn)) return;
    fn.mark = walk;
    found.push(fn);
  };
  for (const edge of starts) visit(edge);
  for (let i = 0; i < found.length; i++) {
    const { inputs } = found[i];
    for (let n = 0; n < inputs.length; n++) visit(inputs[n]);
  }
  sortByNumber(found, sequenceOf);
  return found.reverse();
}

/** The hooks of an edge, made when they are first wanted. */
export function hooksOf(edge: Edge): EdgeHooks {
  edge.hooks ??= new EdgeHooks();
  return edge.hooks;
}
