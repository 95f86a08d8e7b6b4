/**
 * How the attributes of graph ops are written as lists of integers, and what they mean. Both the graph, which writes them, and the
 * scheduler, which reads them, go by this page.
 */
import type { Shape } from './shape.js';

export type Attributes = readonly number[];

/** Attributes of slice and pad are two lists behind one another, each as long as the rank. */
export function halves(attributes: Attributes): readonly [readonly number[], readonly number[]] {
  const rank = attributes.length / 2;
  return [attributes.slice(0, rank), attributes.slice(rank)];
}

export function inversePermutation(order: readonly number[]): number[] {
  const inverse = new Array<number>(order.length);
  order.forEach((from, to) => {
    inverse[from] = to;
  });
  return inverse;
}

/** Which dimensions a dot pairs up, as in StableHLO's dot_general. The result is batch, then lhs free, then rhs free dimensions. */
export interface DotDims {
  readonly lhsBatch: readonly number[];
  readonly rhsBatch: readonly number[];
  readonly lhsContract: readonly number[];
  readonly rhsContract: readonly number[];
}

export function dotAttributes(d: DotDims): number[] {
  return [
    d.lhsBatch.length,
    d.lhsContract.length,
    ...d.lhsBatch,
    ...d.rhsBatch,
    ...d.lhsContract,
    ...d.rhsContract,
  ];
}

/** The roles of all dimensions of a dot. */
export interface DotLayout extends DotDims {
  readonly lhsFree: readonly number[];
  readonly rhsFree: readonly number[];
}

function rest(rank: number, ...used: readonly (readonly number[])[]): number[] {
  const taken = new Set(used.flat());
  return Array.from({ length: rank }, (_, d) => d).filter((d) => !taken.has(d));
}

/** The roles of all dimensions, from a dot's attributes and the ranks of its operands. */
export function dotLayout(attributes: Attributes, lhsRank: number, rhsRank: number): DotLayout {
  const [nb, nc] = attributes;
  const lists = attributes.slice(2);
  const lhsBatch = lists.slice(0, nb);
  const rhsBatch = lists.slice(nb, 2 * nb);
  const lhsContract = lists.slice(2 * nb, 2 * nb + nc);
  const rhsContract = lists.slice(2 * nb + nc);
  return {
    lhsBatch,
    rhsBatch,
    lhsContract,
    rhsContract,
    lhsFree: rest(lhsRank, lhsBatch, lhsContract),
    rhsFree: rest(rhsRank, rhsBatch, rhsContract),
  };
}

export function dotShape(lhs: Shape, rhs: Shape, layout: DotLayout): number[] {
  return [
    ...layout.lhsBatch.map((d) => lhs[d]),
    ...layout.lhsFree.map((d) => lhs[d]),
    ...layout.rhsFree.map((d) => rhs[d]),
  ];
}

const bits = new DataView(new ArrayBuffer(8));

/** The float64 bits of a number as two int32: the attributes of a constant. */
export function numberBits(value: number): [number, number] {
  bits.setFloat64(0, value);
  return [bits.getInt32(0), bits.getInt32(4)];
}

export function bitsNumber(high: number, low: number): number {
  bits.setInt32(0, high);
  bits.setInt32(4, low);
  return bits.getFloat64(0);
}
