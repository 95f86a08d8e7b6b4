/**
 * How a dot or a convolution runs on the gemm template: which of its operands is A (rows) and which is B (columns), what the template's
 * variables stand for, and where both operands and the result are read and written at them.
 *
 * A convolution is an implicit gemm: the operand that windows slide over is never expanded in memory, only its index says that neighbouring
 * rows of the matrix overlap.
 * - Images with many positions: for each image, features (m) by positions (n), so that results lie together as the user sees them.
 * - Few positions (late layers, gradients of kernels), wherever that is less work: positions of all images (m) by features (n).
 * Large kernels, as in gradients of kernels, are walked channel by channel.
 */
import { convDims, dotLayout } from '../base/attributes.js';
import { InternalError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { numel } from '../base/shape.js';
import type { TemplateNode } from '../graph/template.js';
import type { IndexExpr } from '../kernel/index-expr.js';
import { addIndex, scaleIndex, variableIndex, zeroIndex } from '../kernel/index-expr.js';
import { unflatten } from './movement-index.js';
import { canPackOnce } from './packed-operands.js';
import { isWinograd, isWinogradGrad, winogradGradLayout, winogradLayout } from './winograd-layout.js';

export interface ProductLayout {
  readonly batch: readonly number[];
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Steps of the contraction outside of k. */
  readonly outer: number;
  /** The result's dimensions in the template's variables. */
  readonly domain: readonly IndexExpr[];
  /** Which input is A. */
  readonly a: 0 | 1;
  /** Where each input is read. */
  readonly inputs: readonly [readonly IndexExpr[], readonly IndexExpr[]];
}

/** With more elements a kernel fills blocks of k by itself. */
const LARGE_KERNEL = 64;

/** @param packsOnce whether a right operand that no plan overwrites is packed once for many runs, and soon packed for the first. */
export function productLayout(nodes: readonly TemplateNode[], id: number, packsOnce: boolean): ProductLayout {
  const node = nodes[id];
  const [first, second] = node.inputs.map((i) => nodes[i].shape);
  if (isWinograd(node)) return winogradLayout(nodes, id);
  if (isWinogradGrad(node)) return winogradGradLayout(nodes, id);
  if (node.op.kind === 'dot') return dotProduct(node, first, second);
  if (node.op.kind === 'conv') {
    const kernel = nodes[node.inputs[1]];
    const isKept = packsOnce && kernel.leaf >= 0 && !nodes.some((n) => n.into === kernel.leaf);
    return convProduct(node, first, second, isKept);
  }
  throw new InternalError(`${node.op.name} is no product`);
}

function dotProduct(node: TemplateNode, lhs: readonly number[], rhs: readonly number[]): ProductLayout {
  const l = dotLayout(node.attributes, lhs.length, rhs.length);
  const batchSizes = l.lhsBatch.map((d) => lhs[d]);
  const free = l.lhsFree.map((d) => lhs[d]);
  const columnSizes = l.rhsFree.map((d) => rhs[d]);
  const contract = l.lhsContract.map((d) => lhs[d]);
  // What does not lie together along k is taken step by step, as samples are in gradients of kernels.
  const isApart = [l.lhsContract, l.rhsContract].some((dims) => dims.length > 1 && dims[0] + 1 !== dims[1]);
  const inner =
    isApart && contract[0] > 1 && numel(contract.slice(1)) >= LARGE_KERNEL ? contract.slice(1) : contract;
  const outer = inner === contract ? 1 : contract[0];
  const [m, n, k] = [numel(free), numel(columnSizes), numel(inner)];
  const batch = batchSizes.map((s, i) => variableIndex(i, s));
  const at = batch.length;
  const rows = unflatten(free, variableIndex(at, m));
  const columns = unflatten(columnSizes, variableIndex(at + 1, n));
  const depth = unflatten(inner, variableIndex(at + 2, k));
  if (outer > 1) depth.unshift(variableIndex(at + 3, outer));
  const operand = (
    rank: number,
    b: readonly number[],
    f: readonly number[],
    c: readonly number[],
    own: readonly IndexExpr[],
  ): IndexExpr[] => {
    const index = new Array<IndexExpr>(rank).fill(zeroIndex);
    b.forEach((d, i) => {
      index[d] = batch[i];
    });
    f.forEach((d, i) => {
      index[d] = own[i];
    });
    c.forEach((d, i) => {
      index[d] = depth[i];
    });
    return index;
  };
  return {
    batch: batchSizes,
    m,
    n,
    k,
    outer,
    domain: [...batch, ...rows, ...columns],
    a: 0,
    inputs: [
      operand(lhs.length, l.lhsBatch, l.lhsFree, l.lhsContract, rows),
      operand(rhs.length, l.rhsBatch, l.rhsFree, l.rhsContract, columns),
    ],
  };
}

/**
 * Cycles that it takes a core with vectors of 16 to pack an element of windows or of a kernel one by one and in vectors, to turn one
 * around, and to store a result where neighbours do not lie together.
 */
const ONE_BY_ONE = 1.2;
const IN_VECTORS = 0.2;
const TURNED = 0.5;
const APART = 3;
/** What the usual way round may take longer by: its results are written as they lie, and estimates are rough. */
const WORTH = 1.05;

/**
 * Whether a convolution is a product of features by positions for each image, rather than one of the positions of all images by features.
 * Tiles that are filled up at the edge of every image, and a kernel that is packed for every image, stand against windows that are packed
 * one by one. Which it is changes no result: each is the same sum in the same order.
 *
 * @param shape the result's
 * @param isKept whether the kernel stays as it is: then it is packed once for few positions
 */
function isByImage(
  [samples, , ...positions]: Shape,
  kernel: Shape,
  groups: number,
  isKept: boolean,
): boolean {
  const [all, channels, ...reach] = kernel;
  const [features, seen, taps] = [all / groups, numel(positions), numel(reach)];
  const depth = channels * taps;
  const filled = (rows: number, columns: number): number =>
    (Math.ceil(rows / 12) * 12 * Math.ceil(columns / 32) * 32 * depth) / 16;
  const isLarge = taps >= LARGE_KERNEL;
  const isPackedOnce = isKept && groups === 1 && canPackOnce(samples * seen, features);
  const image =
    filled(features, seen) +
    features * depth * IN_VECTORS +
    seen * depth * (isLarge ? ONE_BY_ONE : IN_VECTORS);
  const together =
    filled(samples * seen, features) +
    samples * seen * (depth * (isLarge ? IN_VECTORS : ONE_BY_ONE) + features * APART) +
    (isPackedOnce ? 0 : features * depth * TURNED);
  return samples * image <= WORTH * together;
}

/** @param isKept whether the kernel stays as it is. */
function convProduct(
  node: TemplateNode,
  input: readonly number[],
  kernel: readonly number[],
  isKept: boolean,
): ProductLayout {
  const d = convDims(node.attributes);
  const groups = d.featureGroups * d.batchGroups;
  const [samples, , ...positions] = node.shape;
  const features = kernel[0] / groups;
  const [, channels, ...reach] = kernel;
  const byImage = isByImage(node.shape, kernel, groups, isKept);
  // Without channels k is empty, and one step of nothing gives zeros.
  const outer = numel(reach) >= LARGE_KERNEL ? Math.max(channels, 1) : 1;

  const batch = [...(byImage ? [samples] : []), ...(groups > 1 ? [groups] : [])];
  const at = batch.length;
  const group = groups > 1 ? variableIndex(at - 1, groups) : zeroIndex;
  const m = byImage ? features : samples * numel(positions);
  const n = byImage ? numel(positions) : features;
  const k = outer > 1 ? numel(reach) : channels * numel(reach);
  const [rows, columns, depth] = [variableIndex(at, m), variableIndex(at + 1, n), variableIndex(at + 2, k)];

  const feature = byImage ? rows : columns;
  const [sample, ...position] = byImage
    ? [variableIndex(0, samples), ...unflatten(positions, columns)]
    : unflatten([samples, ...positions], rows);
  const [channel, ...inKernel] =
    outer > 1
      ? [variableIndex(at + 3, outer), ...unflatten(reach, depth)]
      : unflatten([channels, ...reach], depth);

  const inGroup = (index: IndexExpr, size: number): IndexExpr => addIndex(scaleIndex(group, size), index);
  const x = [
    d.batchGroups > 1 ? inGroup(sample, input[0] / groups) : sample,
    d.featureGroups > 1 ? inGroup(channel, channels) : channel,
    ...position.map((p, i) =>
      addIndex(scaleIndex(p, d.strides[i]), scaleIndex(inKernel[i], d.rhsDilation[i])),
    ),
  ];
  const w = [inGroup(feature, features), channel, ...inKernel];
  return {
    batch,
    m,
    n,
    k,
    outer,
    domain: [sample, inGroup(feature, features), ...position],
    a: byImage ? 1 : 0,
    inputs: [x, w],
  };
}
