/**
 * Replaces ops that no kernel template covers by others that mean the same, before fusion, and gives every op inputs that its template
 * can read.
 *
 * - scatterAdd of one element a row, as in the gradient of a gather for a loss, becomes a comparison of positions with its index.
 * - dot: with a vector it becomes products and a sum (see `thin-products.ts`).
 * - conv: padding and dilation of the input are written to memory first; a depthwise one becomes a sum of products of shifted inputs, the
 *   gradient of an image of few positions one product and sums of shifted parts of it.
 * - attention of float64, of nothing, or of a single query, becomes products and a softmax over the matrix of weights.
 * - argmax becomes a maximum and the least position that holds it (see `first-largest.ts`).
 * - maxPool and sumPool become chains of maxima and sums over shifted inputs, or reductions of large windows (see `pool-windows.ts`).
 * - host ops read whole arrays, so their inputs are put in memory; so is what a scatter writes into, which it copies first.
 * - sums down columns beside functions of rows are cut into blocks of rows (see `column-sums.ts`), large sums of all numbers into parts
 *   (see `full-sums.ts`).
 * - scans whose steps cannot run as one kernel become the ops of all steps (see `scan-kernels.ts`).
 * - parts that are put together and then permuted are permuted first (see `joined-parts.ts`), and what is pointwise after an interleaving
 *   is computed of its parts (see `interleaved-pointwise.ts`).
 */
import type { ConvDims, DotDims } from '../../base/attributes.js';
import {
  attentionDims,
  attentionRoles,
  convAttributes,
  convDims,
  dotAttributes,
  dotShape,
  windowDims,
} from '../../base/attributes.js';
import type { DType } from '../../base/dtype.js';
import { isHalf } from '../../base/dtype.js';
import type { Shape } from '../../base/shape.js';
import { numel } from '../../base/shape.js';
import { multipliesBytes } from '../../kernel/gemm/arithmetic.js';
import { stencilOf } from '../../kernel/stencil/stencil.js';
import { denseOf } from '../../kernel/stencil/stencil-dense.js';
import type { Target } from '../../kernel/target.js';
import { readsArray } from '../../schedule/groups.js';
import { Matrices } from '../ops/attention-matrices.js';
import { stencil } from '../ops/conv.js';
import { UNROLLED, windowElements, windowPositions } from '../ops/windows.js';
import type { Template, TemplateNode } from '../template.js';
import type { Position } from '../template-emitter.js';
import { TemplateEmitter } from '../template-emitter.js';
import { cutColumnSums } from './column-sums.js';
import type { Reading } from './conv-input.js';
import { laidOutInput } from './conv-input.js';
import { convByPhases, hasPhases } from './conv-phases.js';
import { firstLargest } from './first-largest.js';
import { cutFullSums } from './full-sums.js';
import { pointwiseInParts } from './interleaved-pointwise.js';
import { joinedInOrder } from './joined-parts.js';
import { maxPool, sumPool } from './pool-windows.js';
import { placeScans } from './scan-kernels.js';
import { scatteredGradient } from './scattered-gradient.js';
import { type ProductPlace, thinProduct } from './thin-products.js';
import { winogradConv, winogradGradient } from './winograd.js';

/**
 * What decides between forms that mean the same: without masks a guarded read goes element by element; bytes are multiplied on the gemm
 * template where the processor adds up their products.
 */
export interface DecomposeTarget extends Pick<Target, 'masks' | 'dots'> {
  /** Whether sums down columns may be cut into blocks of rows. */
  readonly cutsSums?: boolean;
  /** Whether convolutions may run by Winograd's algorithm. */
  readonly winograd?: boolean;
}

/** What is decomposed: the body of a scan runs as parts of a loop, which not all templates can be. */
type Where = 'plan' | 'region';

/** Scatters one element a row by comparing positions with its index: fuses with what reads it, and costs no pass of its own. */
function scatterOne(
  e: TemplateEmitter,
  source: Position,
  wideIndex: Position,
  dim: number,
  shape: Shape,
): Position {
  // Positions are compared as int32, which vectors have; a dimension of 2^31 is beyond every other limit.
  const index = e.cast(wideIndex, 'int32');
  const hit = e.compare('eq', e.iota(shape, dim, index.dtype), e.expand(index, shape));
  return e.where(hit, e.expand(source, shape), e.constant(0, source.dtype, shape));
}

/** Whether attention's templates compute with a dtype: as float32, rounded after. */
function isAttentionType(dtype: DType): boolean {
  return dtype === 'float32' || isHalf(dtype);
}

/**
 * One channel in, one feature out, in every group: a sum of products over shifted inputs, one kernel that reads neighbours. It begins
 * with 0, as every sum does: of products that are all -0 it is 0.
 */
function depthwise(e: TemplateEmitter, x: Position, w: Position, d: ConvDims, shape: Shape): Position {
  const sizes = w.shape.slice(2);
  const windows = { sizes, strides: d.strides, dilations: d.rhsDilation };
  return windowPositions(sizes)
    .map((k) => {
      const ones = k.map(() => 1);
      const weight = e.slice(
        w,
        [0, 0, ...k],
        w.shape.map(() => 1),
        [w.shape[0], 1, ...ones],
      );
      const wide = e.expand(e.reshape(weight, [1, w.shape[0], ...ones]), shape);
      return e.arithmetic('mul', windowElements(e, x, windows, k), wide);
    })
    .reduce((sum, product) => e.arithmetic('add', sum, product), e.constant(0, x.dtype, shape));
}

/**
 * The gradient of a depthwise kernel: in every group one sample and one feature, few positions, and a kernel as large as an image. Each
 * position is a sum over the whole image; all of them are sums in one pass.
 */
function fewPositions(e: TemplateEmitter, x: Position, w: Position, d: ConvDims, shape: Shape): Position {
  const [, channels, ...reach] = w.shape;
  const groups = d.batchGroups;
  const positions = shape.slice(2);
  const dims = w.shape.slice(1).map((_, i) => i + 1);
  const sums = windowPositions(positions).map((p) => {
    const starts = [0, 0, ...p.map((at, i) => at * d.strides[i])];
    const seen = e.slice(x, starts, [1, 1, ...d.rhsDilation], [groups, channels, ...reach]);
    const sum = e.reduce('sum', e.arithmetic('mul', seen, w), dims);
    return e.reshape(sum, [1, groups, ...positions.map(() => 1)]);
  });
  return e.interleave(sums, positions);
}

/** A product's result in memory; what is pointwise is computed where it is read. */
function inPlace(e: TemplateEmitter, x: Position): Position {
  if (e.nodes[x.at].op.kind === 'conv') e.nodes[x.at] = { ...e.nodes[x.at], boundary: true };
  return x;
}

/** In memory, if need be under the permutation that it is read through. */
function underPermutation(e: TemplateEmitter, x: Position): Position {
  const n = e.nodes[x.at];
  if (n.leaf >= 0 || n.op.name !== 'permute') return e.inMemory(x);
  const [under] = n.inputs;
  const last = x.shape.length - 1;
  return n.attributes[last] === last ? e.permute(e.inMemory(e.position(under)), n.attributes) : e.inMemory(x);
}

/** A depthwise convolution or a gradient of one as itself, if its template takes it. */
function stencilConv(
  e: TemplateEmitter,
  x: Position,
  w: Position,
  d: ConvDims,
  shape: Shape,
): Position | null {
  if (x.dtype !== 'float32' || w.dtype !== 'float32') return null;
  const found = stencilOf(x.shape, w.shape, d, shape);
  if (found === null) return null;
  const operands = [underPermutation(e, x), found.pass === 'taps' ? underPermutation(e, w) : w];
  return e.emit(stencil, operands, convAttributes(d), shape, x.dtype);
}

/** A convolution of few channels or features or a gradient of one as itself, if its template takes it. */
function denseConv(e: TemplateEmitter, x: Position, w: Position, d: ConvDims, shape: Shape): Position | null {
  if (x.dtype !== 'float32' || w.dtype !== 'float32' || denseOf(x.shape, w.shape, d, shape) === null)
    return null;
  const operands = [x, w].map((operand) => underPermutation(e, operand));
  return e.emit(stencil, operands, convAttributes(d), shape, x.dtype);
}

function conv(
  e: Decomposer,
  input: Position,
  w: Position,
  d: ConvDims,
  shape: Shape,
  reading: Reading = 'together',
): Position {
  if (numel(shape) === 0) return e.constant(0, input.dtype, shape);
  const asStencil = e.hasStencils ? stencilConv(e, input, w, d, shape) : null;
  if (asStencil !== null) return asStencil;
  const isDepthwise = d.featureGroups > 1 && w.shape[1] === 1 && w.shape[0] === d.featureGroups;
  const isOnePerGroup = d.batchGroups > 1 && w.shape[0] === d.batchGroups && shape[0] === 1;
  const isProduct = !isDepthwise && !isOnePerGroup;
  if (e.target.winograd === true) {
    const fast = winogradConv(e, input, w, d, shape) ?? winogradGradient(e, input, w, d, shape);
    if (fast !== null) return fast;
  }
  const scattered = e.target.masks ? scatteredGradient(e, input, w, d, shape) : null;
  if (scattered !== null) return scattered;
  if (hasPhases(d)) {
    const byItself = (...of: readonly [Position, Position, ConvDims, Shape]): Position =>
      inPlace(e, conv(e, ...of, e.target.masks ? 'fused' : 'together'));
    return convByPhases(e, input, w, d, shape, byItself, isProduct);
  }
  const asDense = e.hasStencils ? denseConv(e, input, w, d, shape) : null;
  if (asDense !== null) return asDense;
  const { x, dims: rest } = laidOutInput(
    e,
    input,
    w.shape,
    d,
    shape,
    isProduct ? 'apart' : isDepthwise ? reading : 'together',
  );
  if (isDepthwise && numel(w.shape.slice(2)) <= UNROLLED) return depthwise(e, x, w, rest, shape);
  if (isOnePerGroup && input.dtype === w.dtype && numel(shape.slice(2)) <= UNROLLED && !isHalf(input.dtype))
    return fewPositions(e, x, w, rest, shape);
  return e.conv(x, contiguousKernel(e, w), rest);
}

/** Features and channels of a block: rows of as many kernels fit the nearest cache, whatever lies between them in memory. */
const BLOCK = 16;

/**
 * Small kernels that are views of others are written out: they are packed again and again. Those of one element are matrices, which are
 * packed as well the other way around. With features and channels swapped, neighbours lie so far apart that they get in each other's way in
 * the cache; block by block they do not.
 */
function contiguousKernel(e: TemplateEmitter, w: Position): Position {
  const [features, channels, ...reach] = w.shape;
  const size = numel(reach);
  if (size === 1 || size >= 64 || e.isInMemory(w)) return w;
  if (features % BLOCK !== 0 || channels % BLOCK !== 0) return e.inMemory(w);
  const order = [0, 2, 1, 3, ...reach.map((_, i) => i + 4)];
  const split = [features / BLOCK, BLOCK, channels / BLOCK, BLOCK, ...reach];
  const blocks = e.written(`in blocks ${w.at}`, () => e.permute(e.reshape(w, split), order));
  return e.reshape(e.permute(blocks, order), w.shape);
}

/** Results of attention where no template covers it; null for itself. */
function attentionAsProducts(
  e: TemplateEmitter,
  n: TemplateNode,
  inputs: readonly Position[],
): readonly Position[] | null {
  const isGrad = n.op.name === 'attentionGrad';
  if (!isGrad && n.op.name !== 'attention') return null;
  const how = attentionDims(n.attributes);
  const roles = attentionRoles(inputs, how, isGrad ? 6 : 3);
  const { q, k, v } = roles;
  // Lanes of the template are queries: a single one would leave all others idle.
  const isSingle = !isGrad && q.dtype === 'float32' && q.shape[q.shape.length - 2] === 1;
  if (!isSingle && isAttentionType(q.dtype) && [q, k, v].every((x) => numel(x.shape) > 0)) return null;
  const m = new Matrices<Position>(e, roles, how);
  const as = (x: Position): Position => e.cast(x, q.dtype);
  if (!isGrad) {
    const { output, logSum } = m.forward();
    return [as(output), logSum];
  }
  const [grad, logSum, delta] = inputs.slice(3, 6);
  const g = e.cast(grad, m.dtype);
  const p = m.weights(logSum);
  const dP = m.kept(m.rows(g, m.v));
  const dS = m.mul(p, m.sub(dP, m.spread(delta)));
  return [m.scaled(m.times(dS, m.k)), m.scaled(m.turned(dS, m.q)), m.turned(m.kept(p), g)].map(as);
}

/**
 * A product of int32 that bytes were converted to for it is one of the bytes themselves where the processor adds up those; it does so in
 * int32.
 */
function bytesProduct(e: Decomposer, n: TemplateNode, inputs: readonly Position[]): Position | null {
  if (n.dtype !== 'int32') return null;
  const bytes = inputs.map((x) => {
    const { op, inputs: of, leaf } = e.nodes[x.at];
    return leaf < 0 && op.name === 'cast' ? e.position(of[0]) : x;
  });
  const [left, right] = bytes.map((x) => x.dtype);
  if (!multipliesBytes(e.target, left, right)) return null;
  return e.position(e.nodes.push({ ...n, inputs: bytes.map((x) => x.at) }) - 1);
}

/** What a node becomes; null for itself. */
function replacement(e: Decomposer, n: TemplateNode, inputs: readonly Position[]): Position | null {
  const { attributes, shape } = n;
  switch (n.op.name) {
    case 'indexAdd':
      return numel(inputs[1].shape) === 0 ? e.constant(0, n.dtype, shape) : null;
    case 'scatter':
      return numel(inputs[1].shape) === 0 ? inputs[0] : null;
    case 'scatterAdd': {
      const [source, index] = inputs;
      if (numel(index.shape) === 0) return e.constant(0, n.dtype, shape);
      const isFull = index.shape.every((s, d) => d === attributes[0] || s === shape[d]);
      const isOne = isFull && shape.length > 0 && index.shape[attributes[0]] === 1;
      return isOne ? scatterOne(e, source, index, attributes[0], shape) : null;
    }
    case 'dot':
      if (isHalf(n.dtype)) return null;
      return thinProduct(e, e.place, inputs[0], inputs[1], attributes, shape) ?? bytesProduct(e, n, inputs);
    case 'maxPool':
      return maxPool(e, inputs[0], windowDims(attributes));
    case 'sumPool':
      return sumPool(e, inputs[0], windowDims(attributes));
    case 'conv':
      return conv(e, inputs[0], inputs[1], convDims(attributes), shape);
    case 'argmax':
      return firstLargest(e, inputs[0], attributes[0]);
    default:
      return null;
  }
}

/** Numbers that are the same in all steps reach the kernel of a region as they are. */
function isNumber({ body }: TemplateNode, input: TemplateNode, operand: number): boolean {
  return body !== undefined && operand >= body.carries && input.argument >= 0;
}

/** Where the nodes of a template are made that take the place of others. */
class Decomposer extends TemplateEmitter {
  readonly target: DecomposeTarget;
  /** Whether depthwise convolutions have a template. */
  readonly hasStencils: boolean;
  readonly place: ProductPlace;

  constructor(target: DecomposeTarget, where: Where) {
    super();
    this.target = target;
    this.hasStencils = target.masks && where === 'plan';
    this.place = { masks: target.masks, isStep: where === 'region' };
  }

  override dot(a: Position, b: Position, dims: DotDims): Position {
    if (isHalf(a.dtype)) return super.dot(a, b, dims);
    const shape = dotShape(a.shape, b.shape, dims);
    return thinProduct(this, this.place, a, b, dotAttributes(dims), shape) ?? super.dot(a, b, dims);
  }
}

/** What may become something else, or what follows it. */
const decomposed: ReadonlySet<string> = new Set([
  'scatterAdd',
  'scatter',
  'indexAdd',
  'dot',
  'conv',
  'maxPool',
  'attention',
  'attentionGrad',
  'sumPool',
  'interleave',
  'argmax',
]);

export function decompose(given: Template, target: DecomposeTarget, where: Where = 'plan'): Template {
  const template = placeScans(given, (t) =>
    decompose(t, { ...target, winograd: false, cutsSums: false }, 'region'),
  );
  const cutsSums = target.cutsSums === true && where === 'plan';
  const ops = after(template, decomposeOps(template, target, where));
  if (!cutsSums) return ops;
  const full = after(ops, cutFullSums(ops));
  return after(full, cutColumnSums(full));
}

/** What a pass made of a template, with the places of the nodes that were there before all passes. */
function after(before: Template, made: Template): Template {
  const [first, second] = [before.origin, made.origin];
  if (made === before || first === undefined || second === undefined) return made;
  return { ...made, origin: first.map((at) => second[at]) };
}

/** Whether a node that was emitted is one of the template's with a single reader, whose value nothing else wants. */
function ownNodes({ nodes }: Template, moved: readonly number[]): (at: number) => boolean {
  const uses = new Uint32Array(nodes.length);
  for (const n of nodes) for (const x of n.inputs) uses[x]++;
  const own = new Set<number>();
  let known = 0;
  return (at) => {
    for (; known < moved.length; known++) {
      const { root, handle, boundary, into } = nodes[known];
      if (uses[known] === 1 && !root && !handle && !boundary && into < 0) own.add(moved[known]);
    }
    return own.has(at);
  };
}

function decomposeOps(template: Template, target: DecomposeTarget, where: Where): Template {
  if (!template.nodes.some((n) => n.leaf < 0 && (decomposed.has(n.op.name) || readsArray(n, 0))))
    return template;
  const e = new Decomposer(target, where);
  const moved: number[] = [];
  const isOwn = ownNodes(template, moved);
  /** All results of ops with several that became others. */
  const results = new Map<number, readonly Position[]>();
  const replace = (n: TemplateNode, i: number, inputs: readonly number[]): Position | null => {
    if (n.op.kind === 'result') return results.get(n.inputs[0])?.[n.attributes[0]] ?? null;
    const operands = inputs.map((x) => e.position(x));
    if (n.op.kind === 'elementwise') return pointwiseInParts(e, n, operands, isOwn);
    if (n.op.name === 'permute') return joinedInOrder(e, operands[0], n.attributes, isOwn);
    const several = attentionAsProducts(e, n, operands);
    if (several === null) return replacement(e, n, operands);
    results.set(i, several);
    return several[0];
  };
  template.nodes.forEach((n, i) => {
    const inputs = n.inputs.map((x) => moved[x]);
    const before = e.nodes.length;
    const replaced = n.leaf < 0 ? replace(n, i, inputs) : null;
    // What turns out to be one of its inputs needs a node of its own for the flags.
    const made = replaced !== null && replaced.at < before ? e.copy(replaced) : replaced;
    if (made === null) {
      const own = inputs.map((x, slot) =>
        n.leaf < 0 && readsArray(n, slot) && !isNumber(n, e.nodes[x], slot)
          ? e.inMemory(e.position(x)).at
          : x,
      );
      e.nodes.push({ ...n, inputs: own });
      moved[i] = e.nodes.length - 1;
      return;
    }
    e.standFor(made.at, n);
    moved[i] = made.at;
  });
  return { ...template, nodes: e.nodes, origin: moved };
}
