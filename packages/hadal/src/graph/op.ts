/**
 * What an op is. An op of the graph (L1) is one entry of the table in `ops/`: its kind, what its gradient needs to keep, its VJP,
 * its meaning on plain arrays, and for elementwise ops its lowering to L3. Adding an op is adding an entry.
 *
 * Attributes are lists of integers, so that nodes are compared and hashed without knowing the op; each op says what its own mean.
 */
import type { Attributes } from '../base/attributes.js';
import type { DType, TypedArray } from '../base/dtype.js';
import type { Shape } from '../base/shape.js';
import type { Value as L3Value } from '../kernel/l3.js';
import type { L3Builder } from '../kernel/l3-builder.js';
import type { Ops } from './ops-interface.js';

export type { Attributes } from '../base/attributes.js';

/**
 * - `source`: no inputs (a buffer, a constant, a number argument, iota).
 * - `elementwise`: all inputs have the shape of the result.
 * - `movement`: the result's element at an index is the input's at another index (or a padding zero).
 * - `reduce`: some dimensions shrink to size 1.
 * - `dot`, `conv`, `pool`, `random`: as their names say.
 * - `interleave`: each input has every n-th element of the result.
 * - `gather`: the result's element at an index is the input's at an index that another input gives.
 * - `scan`: the result's element depends on the input's elements before it along a dimension.
 * - `sort`: positions in the order of the elements along a dimension.
 * - `scatter`: the input's elements go to positions that another input gives.
 * - `attention`: attention or its gradient.
 * - `host`: no kernel template covers it; on every engine that shares its memory with JavaScript it is computed by its reference.
 * - `result`: one more result of an op that has several.
 * - `region`: it runs a graph of its own.
 */
export type OpKind =
  | 'source'
  | 'elementwise'
  | 'movement'
  | 'reduce'
  | 'dot'
  | 'conv'
  | 'pool'
  | 'interleave'
  | 'gather'
  | 'scan'
  | 'sort'
  | 'scatter'
  | 'attention'
  | 'host'
  | 'random'
  | 'result'
  | 'region';

/** A plain row-major array: what the reference engine computes with. */
export interface PlainArray {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly data: TypedArray;
}

/** Anything that stands for an array in the graph: a node, or a node with a place on the tape. */
export interface Operand {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** What a VJP sees. Only what the op `saves` may be read; the rest is absent and reading it throws. */
export interface VjpContext<V extends Operand> {
  readonly ops: Ops<V>;
  input(i: number): V;
  output(): V;
  readonly inputShapes: readonly Shape[];
  readonly inputDTypes: readonly DType[];
  readonly attributes: Attributes;
  /** Which inputs want a gradient. */
  readonly needs: readonly boolean[];
}

/** Gradients of the inputs given the gradient of the output; null where an input has none or wants none. */
export type Vjp = <V extends Operand>(context: VjpContext<V>, grad: V) => readonly (V | null)[];

export interface Saves {
  readonly inputs: readonly number[];
  /** For each of `inputs`: the input whose gradient it is kept for, or null if for any. Absent: for any. */
  readonly whenNeeded?: readonly (number | null)[];
  readonly output: boolean;
}

/** An elementwise op on numbers. `float` computes in float64 and is rounded after; `int` is exact on int64. */
export interface ScalarRule {
  readonly float: (...x: number[]) => number;
  readonly int?: (...x: bigint[]) => bigint | boolean;
}

export type LowerRule = (b: L3Builder, args: readonly L3Value[], result: DType) => L3Value;

interface Common {
  readonly name: string;
  readonly saves: Saves;
  /** null: the op has no gradient (its result is a bool, an integer or constant in its inputs). */
  readonly vjp: Vjp | null;
}

export interface ElementwiseOp extends Common {
  readonly kind: 'elementwise';
  readonly arity: number;
  readonly scalar: ScalarRule;
  /** Whether it takes several times as long as a load and a store. */
  readonly isLong?: true;
  readonly lower: LowerRule;
}

export interface ArrayOp extends Common {
  readonly kind: Exclude<OpKind, 'elementwise'>;
  readonly reference: (
    inputs: readonly PlainArray[],
    attributes: Attributes,
    shape: Shape,
    dtype: DType,
  ) => TypedArray;
}

/** What a result is, before there is one. */
export interface ResultType {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** What the VJP of an op with several results sees. */
export interface TupleVjpContext<V extends Operand> extends Omit<VjpContext<V>, 'output'> {
  output(result: number): V;
}

/** Gradients of the inputs given those of the results; null for a result that nothing differentiable used. */
export type TupleVjp = <V extends Operand>(
  context: TupleVjpContext<V>,
  grads: readonly (V | null)[],
) => readonly (V | null)[];

/** An op with several results. A node of it stands for the first, nodes of the op `result` for the others. */
export interface TupleOp {
  readonly kind: Exclude<OpKind, 'elementwise' | 'source' | 'movement' | 'reduce' | 'result'>;
  readonly name: string;
  readonly saves: Omit<Saves, 'output'> & { readonly outputs: readonly number[] };
  readonly vjp: TupleVjp | null;
  readonly results: (inputs: readonly ResultType[], attributes: Attributes) => readonly ResultType[];
  readonly reference: (
    inputs: readonly PlainArray[],
    attributes: Attributes,
    results: readonly ResultType[],
  ) => readonly TypedArray[];
}

export type Op = ElementwiseOp | ArrayOp | TupleOp;

export function isTuple(op: Op): op is TupleOp {
  return 'results' in op;
}

export const savesNothing: Saves = { inputs: [], output: false };
export const savesOutput: Saves = { inputs: [], output: true };
/** Of two operands each is kept for the other's gradient. */
export const savesOther: Saves = { inputs: [0, 1], whenNeeded: [1, 0], output: false };
export function savesInputs(...inputs: number[]): Saves {
  return { inputs, output: false };
}
