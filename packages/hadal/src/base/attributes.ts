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

function rest(rank: number, batch: readonly number[], contract: readonly number[]): number[] {
  // No list that grows: shapes of products are made of these for every op.
  const free = new Array<number>(rank - batch.length - contract.length);
  let at = 0;
  for (let d = 0; d < rank; d++) if (!batch.includes(d) && !contract.includes(d)) free[at++] = d;
  return free;
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

/** The shape of a product: batch, then what is free of the left, then of the right operand. */
export function dotShape(lhs: Shape, rhs: Shape, dims: DotDims): number[] {
  const lhsFree = rest(lhs.length, dims.lhsBatch, dims.lhsContract);
  const rhsFree = rest(rhs.length, dims.rhsBatch, dims.rhsContract);
  const batches = dims.lhsBatch.length;
  const shape = new Array<number>(batches + lhsFree.length + rhsFree.length);
  for (let i = 0; i < batches; i++) shape[i] = lhs[dims.lhsBatch[i]];
  for (let i = 0; i < lhsFree.length; i++) shape[batches + i] = lhs[lhsFree[i]];
  for (let i = 0; i < rhsFree.length; i++) shape[batches + lhsFree.length + i] = rhs[rhsFree[i]];
  return shape;
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

/**
 * A convolution over the last dimensions, as general as StableHLO's: the input is [N, C, ...], padded (negative padding crops) and with
 * `lhsDilation - 1` zeros between its elements, the kernel [O, C / featureGroups, ...] with its elements `rhsDilation` apart, the
 * result [N / batchGroups, O, ...].
 */
export interface ConvDims {
  readonly strides: readonly number[];
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly lhsDilation: readonly number[];
  readonly rhsDilation: readonly number[];
  /** Channels and features fall into this many groups that have nothing to do with each other. */
  readonly featureGroups: number;
  /** Samples and features fall into this many groups; sample i of each group is sample i of the result. */
  readonly batchGroups: number;
}

export function convAttributes(d: ConvDims): number[] {
  return [
    ...d.strides,
    ...d.low,
    ...d.high,
    ...d.lhsDilation,
    ...d.rhsDilation,
    d.featureGroups,
    d.batchGroups,
  ];
}

export function convDims(attributes: Attributes): ConvDims {
  const rank = (attributes.length - 2) / 5;
  const list = (i: number): readonly number[] => attributes.slice(i * rank, (i + 1) * rank);
  const [featureGroups, batchGroups] = attributes.slice(5 * rank);
  return {
    strides: list(0),
    low: list(1),
    high: list(2),
    lhsDilation: list(3),
    rhsDilation: list(4),
    featureGroups,
    batchGroups,
  };
}

/** A convolution of 3x3 kernels by Winograd's algorithm. */
export interface WinogradDims {
  /** Rows and columns of zeros ahead of the image. */
  readonly low: readonly [rows: number, columns: number];
  /** Whether features and channels of the kernel have changed places, and it is walked backwards. */
  readonly isTurned: boolean;
}

export function winogradAttributes({ low, isTurned }: WinogradDims): Attributes {
  return [...low, isTurned ? 1 : 0];
}

export function winogradDims([rows, columns, isTurned]: Attributes): WinogradDims {
  return { low: [rows, columns], isTurned: isTurned === 1 };
}

/** How far elements that are `dilation` apart reach. */
export function dilatedSize(size: number, dilation: number): number {
  return size === 0 ? 0 : (size - 1) * dilation + 1;
}

/** How many windows of `reach` fit into `size`. */
export function windowCount(size: number, reach: number, stride: number): number {
  return size < reach ? 0 : Math.floor((size - reach) / stride) + 1;
}

export function convShape(input: Shape, kernel: Shape, d: ConvDims): number[] {
  const spatial = input.slice(2).map((size, i) => {
    const padded = dilatedSize(size, d.lhsDilation[i]) + d.low[i] + d.high[i];
    return windowCount(padded, dilatedSize(kernel[i + 2], d.rhsDilation[i]), d.strides[i]);
  });
  return [input[0] / d.batchGroups, kernel[0], ...spatial];
}

/** Windows over the last dimensions: their sizes, the steps between them, and the steps inside of them. */
export interface WindowDims {
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
}

export function windowAttributes(d: WindowDims): number[] {
  return [...d.sizes, ...d.strides, ...d.dilations];
}

export function windowDims(attributes: Attributes): WindowDims {
  const rank = attributes.length / 3;
  return {
    sizes: attributes.slice(0, rank),
    strides: attributes.slice(rank, 2 * rank),
    dilations: attributes.slice(2 * rank),
  };
}

/** [..., sizes] to [..., windows, window sizes]. */
export function windowShape(input: Shape, d: WindowDims): number[] {
  const lead = input.length - d.sizes.length;
  const counts = d.sizes.map((size, i) =>
    windowCount(input[lead + i], dilatedSize(size, d.dilations[i]), d.strides[i]),
  );
  return [...input.slice(0, lead), ...counts, ...d.sizes];
}

/** What attention is made of besides its operands. Of the optional ones a mask comes first, then the three of dropout. */
export interface AttentionDims {
  /** What scores are multiplied by. */
  readonly scale: number;
  /** Query i sees keys 0 to i only. */
  readonly isCausal: boolean;
  readonly hasMask: boolean;
  readonly hasDropout: boolean;
}

export function attentionAttributes(d: AttentionDims): number[] {
  return [...numberBits(d.scale), Number(d.isCausal), Number(d.hasMask), Number(d.hasDropout)];
}

export function attentionDims(attributes: Attributes): AttentionDims {
  const [high, low, isCausal, hasMask, hasDropout] = attributes;
  return {
    scale: bitsNumber(high, low),
    isCausal: isCausal === 1,
    hasMask: hasMask === 1,
    hasDropout: hasDropout === 1,
  };
}

/** The operands of attention, or of its gradient (which has three more after the values), by their names. */
export interface AttentionRoles<T> {
  readonly q: T;
  readonly k: T;
  readonly v: T;
  readonly mask: T | null;
  readonly dropout: { readonly random: T; readonly p: T; readonly keep: T } | null;
}

export function attentionRoles<T>(
  inputs: readonly T[],
  d: AttentionDims,
  optionalFrom: 3 | 6,
): AttentionRoles<T> {
  const [q, k, v] = inputs;
  const rest = inputs.slice(optionalFrom);
  const [random, p, keep] = rest.slice(d.hasMask ? 1 : 0);
  return { q, k, v, mask: d.hasMask ? rest[0] : null, dropout: d.hasDropout ? { random, p, keep } : null };
}

/** The inverse of `attentionRoles`; `own` stands between the values and what is optional. */
export function attentionInputs<T>(roles: AttentionRoles<T>, own: readonly T[] = []): T[] {
  const { q, k, v, mask, dropout } = roles;
  const drop = dropout === null ? [] : [dropout.random, dropout.p, dropout.keep];
  return [q, k, v, ...own, ...(mask === null ? [] : [mask]), ...drop];
}
