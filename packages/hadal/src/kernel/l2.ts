/**
 * L2: a kernel as loops over an index space with one expression per element, before any choice of vectors or registers.
 *
 * - A **loops** kernel walks `dims`: first the outer ones, then the reduced ones. `stages` are reductions over the reduced
 *   dimensions; later stages and stores may use earlier ones. A store at level `full` happens for every point, one at level
 *   `outer` once per outer point after the reductions; one at level `columns` adds up every `BLOCK` rows, where rows are the last outer
 *   loop and the only reduced one goes along them. Without reduced dimensions it is a plain map.
 * - A **gemm** kernel multiplies: for each batch point, dot[m, n] = sum over outer and k of a(m, k) * b(k, n), where `a` and `b` are
 *   expressions (transposes, conversions and strides are part of them); the stores are its epilogue and see dot as an expression.
 * - A **scan** kernel walks along a line of its domain with a running value, for each of the other points; a **sort** kernel finds the
 *   order of such a line. Their stores are an epilogue as well and see the result, at each position of the line, as stage 0.
 * - A **scatter** kernel fills its result, then stores to or adds to positions that an expression gives.
 *
 * - A **stencil** kernel is a convolution with a filter for each channel, or one of its gradients; its stores see each result as dot.
 * - A **winograd** kernel is a convolution, a **winogradGrad** kernel the gradient of its kernels; their epilogues are a gemm's.
 *
 * - An **attention** kernel is softmax(scale q k^T + mask) v for each batch point without the matrix of weights in memory, and an
 *   **attentionGrad** kernel its gradients; their operands are expressions as a gemm's are, and each store sees its result as dot.
 *
 * - A **region** kernel is a loop over steps around other kernels (`steps`), whose buffers lie elsewhere in every step.
 * - A **host** kernel is an op that runs in JavaScript, between launches.
 *
 * Loop variables are numbered as `dims` are; a gemm has its batch variables first, then m, n, k, outer; attention its batch variables,
 * then query, key, feature (of queries and keys), value feature; the other kernels say which variables follow their dims. All numbers
 * are concrete here;
 * `abstractSizes` replaces them by launch arguments, so that one compiled kernel serves all sizes of the same structure.
 */
import type { DType, TypedArray } from '../base/dtype.js';
import { InternalError } from '../base/errors.js';
import { kinds } from './elements.js';
import type { Guard, IndexExpr } from './index-expr.js';
import { factorOf, sameIndex } from './index-expr.js';
import type { Value } from './l3.js';
import type { L3Builder } from './l3-builder.js';
import { type StencilShape, stencilVariables } from './stencil/stencil.js';
import { CHANNELS_TOGETHER, type WinogradShape, winogradGradSizes, winogradSizes } from './winograd/tiles.js';

export type ExprId = number;

export type LowerFunction = (b: L3Builder, args: readonly Value[], result: DType) => Value;

export type Expr =
  | { readonly op: 'load'; readonly dtype: DType; readonly buffer: number; readonly index: IndexExpr }
  | { readonly op: 'const'; readonly dtype: DType; readonly value: number }
  | { readonly op: 'argument'; readonly dtype: DType; readonly slot: number }
  /** The value of an index expression (iota). */
  | { readonly op: 'index'; readonly dtype: DType; readonly index: IndexExpr }
  | {
      readonly op: 'call';
      readonly dtype: DType;
      readonly name: string;
      readonly lower: LowerFunction;
      /** Whether it takes several times as long as a load and a store. */
      readonly isLong: boolean;
      readonly args: readonly ExprId[];
    }
  /** The value where all guards hold, else zero. */
  | { readonly op: 'guard'; readonly dtype: DType; readonly guards: readonly Guard[]; readonly value: ExprId }
  /** A value that does not depend on an index out of memory, which must be in range all the same. */
  | { readonly op: 'checked'; readonly dtype: DType; readonly value: ExprId; readonly index: IndexExpr }
  /** Uniform float32 in [0, 1): Threefry of (index, stream) under a key of two words. */
  | {
      readonly op: 'random';
      readonly dtype: 'float32';
      readonly args: readonly [ExprId, ExprId, ExprId];
      readonly index: IndexExpr;
    }
  | { readonly op: 'stage'; readonly dtype: DType; readonly stage: number }
  | { readonly op: 'dot'; readonly dtype: DType };

export type ReduceOp = 'sum' | 'prod' | 'max' | 'min' | 'argmax';

export interface Stage {
  readonly op: ReduceOp;
  readonly value: ExprId;
  readonly dtype: DType;
  /** argmax only: the loop variable whose position is wanted. */
  readonly variable: number;
}

export interface Store {
  readonly buffer: number;
  readonly index: IndexExpr;
  readonly value: ExprId;
  readonly level: 'full' | 'outer' | 'columns';
  /** Whether so much is stored that it should not go through the caches. */
  readonly isStreamed?: boolean;
}

/**
 * Results from here on are streamed to memory: with as much that is read they fill the last cache of most machines, so whoever reads
 * them would find little of them there, and a store that goes through the caches first reads the line that it overwrites.
 */
export const STREAMED_BYTES = 16 << 20;

export interface KernelBuffer {
  readonly dtype: DType;
  readonly access: 'read' | 'write' | 'readwrite';
}

interface Common {
  readonly name: string;
  readonly exprs: readonly Expr[];
  readonly stores: readonly Store[];
  readonly buffers: readonly KernelBuffer[];
  readonly arguments: readonly DType[];
}

export interface LoopDim {
  readonly size: number;
  readonly reduced: boolean;
}

export interface LoopKernel extends Common {
  readonly kind: 'loops';
  readonly dims: readonly LoopDim[];
  /** The variable whose neighbours become vector lanes, or -1. It is the last dimension as the user sees it. */
  readonly vectorVariable: number;
  readonly stages: readonly Stage[];
}

export interface GemmKernel extends Common {
  readonly kind: 'gemm';
  readonly batch: readonly number[];
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Steps of the contraction outside of k; its variable comes after k. */
  readonly outer: number;
  readonly a: ExprId;
  readonly b: ExprId;
}

/**
 * A depthwise convolution or one of its gradients, of what `x` (over sample, channel and image or, of `spread`, position) reads: with
 * `weights` (over channel, one a tap; of `mix` and `dense` also over the channel in its group), or of `taps` and `denseTaps` with `y` (over sample, channel and position). Its variables are `stencilVariables`.
 */
export interface StencilKernel extends Common, StencilShape {
  readonly kind: 'stencil';
  readonly x: ExprId;
  /** -1 but of `taps` and `denseTaps`. */
  readonly y: ExprId;
  /** None of `taps` and `denseTaps`. */
  readonly weights: readonly ExprId[];
}

/**
 * A convolution of 3x3 kernels, step 1, by Winograd's F(4x4, 3x3). Its images and kernels are arrays in memory, [samples, channels, height,
 * width] and [features, channels, 3, 3]; its variables are sample, feature and position of the result.
 */
export interface WinogradKernel extends Common, WinogradShape {
  readonly kind: 'winograd';
  /** Whether the kernels lie as [channels, features, 3, 3] and are walked backwards. */
  readonly isTurned: boolean;
  /** Buffers. */
  readonly image: number;
  readonly weights: number;
}

/** The gradient of its kernels, from images and the gradient of its result; its variables are group of tiles, feature and place in [channels, 3, 3]. */
export interface WinogradGradKernel extends Common, WinogradShape {
  readonly kind: 'winogradGrad';
  /** Each is the gradient of as many of the tiles. */
  readonly groups: number;
  /** Buffers. */
  readonly image: number;
  readonly gradient: number;
}

/**
 * sum: stage 0 is the sum of all values so far. linear: of two values a and b stage 0 is a times the stage before plus b. max, min: stage
 * 0 is the extremum so far, stage 1 the last position that has it.
 */
export type ScanOp = 'sum' | 'linear' | 'max' | 'min';

/** Running values along one dimension of the domain. */
export interface ScanKernel extends Common {
  readonly kind: 'scan';
  readonly dims: readonly number[];
  /** The variable that the scan runs along. */
  readonly line: number;
  readonly op: ScanOp;
  readonly values: readonly ExprId[];
}

/** The first positions of lines in order: dims[line] of `length`. Equal keys keep their order, NaN is the largest. */
export interface SortKernel extends Common {
  readonly kind: 'sort';
  readonly dims: readonly number[];
  /** The variable of the positions in order. The variable after `dims` walks the line that is sorted. */
  readonly line: number;
  readonly length: number;
  readonly key: ExprId;
  readonly descending: boolean;
  /** radix: by one byte after the other; rank: counting for each element those before it; select: keeping the first few. */
  readonly method: 'radix' | 'rank' | 'select';
}

/**
 * Two stores: the first fills the result, the second runs over `dims` in order. After the variables of `dims` comes one that is the
 * position which `position` gives, with `size` values, then one that walks the elements of the result.
 */
export interface ScatterKernel extends Common {
  readonly kind: 'scatter';
  readonly dims: readonly number[];
  readonly position: ExprId;
  readonly size: number;
  readonly elements: number;
  readonly mode: 'set' | 'add';
}

/** What both attention kernels are made of. */
interface AttentionOperands extends Common {
  readonly batch: readonly number[];
  readonly queries: number;
  readonly keys: number;
  /** Features of queries and keys, and of values. They are part of the compiled code. */
  readonly features: number;
  readonly valueFeatures: number;
  /** What scores are multiplied by. */
  readonly scale: number;
  /** Query i sees keys 0 to i only. */
  readonly isCausal: boolean;
  /** Over batch, query and feature. */
  readonly q: ExprId;
  /** Over batch, key and feature. */
  readonly k: ExprId;
  /** Over batch, key and value feature. */
  readonly v: ExprId;
  /** Over batch, query and key, or null. Bool: whether the query sees the key; float: added to the score. */
  readonly mask: ExprId | null;
  readonly dropout: AttentionDropout | null;
}

/** Weights whose random number is below `p` are dropped, the others multiplied by `keep`. */
export interface AttentionDropout {
  /** Uniform in [0, 1), over batch, query and key. */
  readonly random: ExprId;
  readonly p: ExprId;
  readonly keep: ExprId;
}

export interface AttentionKernel extends AttentionOperands {
  readonly kind: 'attention';
  /** What each store writes: the output (batch, query, value feature), or the logarithm of each row's sum of exponentials (batch, query). */
  readonly results: readonly ('output' | 'logSum')[];
}

export interface AttentionGradKernel extends AttentionOperands {
  readonly kind: 'attentionGrad';
  /** Gradient of the output. */
  readonly grad: ExprId;
  /** What the forward kernel wrote, over batch and query. */
  readonly logSum: ExprId;
  /** Sum over value features of gradient times output, over batch and query. */
  readonly delta: ExprId;
  /** Whose gradient each store writes. */
  readonly results: readonly ('query' | 'key' | 'value')[];
}

/** An array in plain memory, as JavaScript computes with it. */
export interface HostArray {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly data: TypedArray;
}

/** Gives all results of an op. */
export type HostFunction = (inputs: readonly HostArray[]) => readonly TypedArray[];

/** An op that is computed in JavaScript on whole arrays. Its buffers are its inputs in order, then the results that are wanted. */
export interface HostKernel extends Common {
  readonly kind: 'host';
  readonly compute: HostFunction;
  readonly attributes: readonly number[];
  readonly inputs: readonly { readonly shape: readonly number[]; readonly dtype: DType }[];
  /** `result`: which of the op's results it is. */
  readonly results: readonly {
    readonly shape: readonly number[];
    readonly dtype: DType;
    readonly result: number;
  }[];
}

/** What can be a part of a region. */
export type PartKernel = LoopKernel | GemmKernel;

/** Where a buffer of a part lies in a step. Slots beyond the region's own buffers are its locals. */
export type PartBuffer =
  | { readonly kind: 'fixed'; readonly slot: number }
  /** The step's slice, of `size` elements. */
  | { readonly kind: 'slice'; readonly slot: number; readonly size: number }
  /** A carry has two places of `size` elements, which change their roles from step to step: what it is and what it will be (`next`). */
  | { readonly kind: 'carry'; readonly slot: number; readonly size: number; readonly next: boolean };

export interface RegionPart {
  readonly kernel: PartKernel;
  readonly buffers: readonly PartBuffer[];
  /** Which of the region's arguments each of its own is. */
  readonly arguments: readonly number[];
}

/** Its `exprs` and `stores` are those of its parts; it has none itself. */
export interface RegionKernel extends Common {
  readonly kind: 'region';
  readonly length: number;
  /** Whether slices are taken from the last one on. */
  readonly reverse: boolean;
  /** Memory of its own: carries and what lives within a step. */
  readonly locals: readonly { readonly dtype: DType; readonly elements: number }[];
  /** Run once before the first step, in every step, and once after the last; there carries are what the last step made. */
  readonly before: readonly RegionPart[];
  readonly steps: readonly RegionPart[];
  readonly after: readonly RegionPart[];
}

/** What is compiled as it is. */
export type CompiledKernel =
  | LoopKernel
  | GemmKernel
  | StencilKernel
  | WinogradKernel
  | WinogradGradKernel
  | AttentionKernel
  | AttentionGradKernel
  | ScanKernel
  | SortKernel
  | ScatterKernel;

/** What becomes code. */
export type LoweredKernel = CompiledKernel | RegionKernel;

export type Kernel = LoweredKernel | HostKernel;

/** All parts of a region. */
export function regionParts(kernel: RegionKernel): readonly RegionPart[] {
  return [...kernel.before, ...kernel.steps, ...kernel.after];
}

/** Sizes of all loop variables, by number. */
export function variableSizes(kernel: Kernel): number[] {
  switch (kernel.kind) {
    case 'loops':
      return kernel.dims.map((d) => d.size);
    case 'gemm':
      return [...kernel.batch, kernel.m, kernel.n, kernel.k, kernel.outer];
    case 'stencil': {
      const { samples, channels, groupChannels, groupFeatures, image, positions, taps } = kernel;
      return [samples, channels, ...image, ...positions, ...taps, groupChannels, channels / groupFeatures];
    }
    case 'winograd':
      return winogradSizes(kernel);
    case 'winogradGrad':
      return winogradGradSizes(kernel);
    case 'scan':
      return [...kernel.dims];
    case 'sort':
      return [...kernel.dims, kernel.length];
    case 'scatter':
      return [...kernel.dims, kernel.size, kernel.elements];
    case 'region':
      return [kernel.length];
    case 'attention':
    case 'attentionGrad':
      return [...kernel.batch, kernel.queries, kernel.keys, kernel.features, kernel.valueFeatures];
    case 'host':
      return [];
  }
}

/** How many values a kernel computes that its expressions may see as stages. */
function stageCount(kernel: Kernel): number {
  switch (kernel.kind) {
    case 'loops':
      return kernel.stages.length;
    case 'scan':
      return kernel.op === 'max' || kernel.op === 'min' ? 2 : 1;
    case 'sort':
      return 1;
    default:
      return 0;
  }
}

/** The expressions that an attention kernel computes from, in a fixed order. */
export function attentionOperands(kernel: AttentionKernel | AttentionGradKernel): readonly ExprId[] {
  const { q, k, v, mask, dropout } = kernel;
  const own = kernel.kind === 'attentionGrad' ? [kernel.grad, kernel.logSum, kernel.delta] : [];
  const drop = dropout === null ? [] : [dropout.random, dropout.p, dropout.keep];
  return [q, k, v, ...own, ...(mask === null ? [] : [mask]), ...drop];
}

export function exprArguments(e: Expr): readonly ExprId[] {
  switch (e.op) {
    case 'call':
    case 'random':
      return e.args;
    case 'guard':
    case 'checked':
      return [e.value];
    default:
      return [];
  }
}

/** The index expressions an expression uses itself, not through its arguments. */
export function exprIndices(e: Expr): readonly IndexExpr[] {
  switch (e.op) {
    case 'load':
    case 'index':
    case 'random':
    case 'checked':
      return [e.index];
    case 'guard':
      return e.guards.map((g) => g.index);
    default:
      return [];
  }
}

/** All index expressions of a kernel in a fixed order. */
export function kernelIndices(kernel: Kernel): IndexExpr[] {
  return [...kernel.exprs.flatMap(exprIndices), ...kernel.stores.map((s) => s.index)];
}

/** The expressions whose loaded values an index uses. */
export function indexValues(index: IndexExpr, into: ExprId[] = []): ExprId[] {
  for (const { atom } of index.terms) {
    if (atom.kind === 'value') into.push(atom.expr);
    else if (atom.kind !== 'var') indexValues(atom.of, into);
  }
  return into;
}

/** Checks what only one kind of kernel has. */
function verifyParts(kernel: Kernel, fail: (why: string) => never): void {
  const has = (id: ExprId): boolean => kernel.exprs[id] !== undefined;
  if ((kernel.kind === 'scan' || kernel.kind === 'sort') && kernel.dims[kernel.line] === undefined)
    fail(`no dimension ${kernel.line}`);
  if (
    kernel.kind === 'scan' &&
    (kernel.values.length !== (kernel.op === 'linear' ? 2 : 1) || !kernel.values.every(has))
  )
    fail('not the values that a scan takes');
  if (kernel.kind === 'sort') {
    if (!has(kernel.key)) fail('no key');
    if (kernel.dims[kernel.line] > kernel.length) fail('more positions than elements');
  }
  if (kernel.kind !== 'scatter') return;
  if (!has(kernel.position)) fail('no position');
  if (kernel.stores.length !== 2 || kernel.stores[0].buffer !== kernel.stores[1].buffer)
    fail('a scatter fills what it stores to');
}

function verifyWinograd(kernel: WinogradKernel | WinogradGradKernel, fail: (why: string) => never): void {
  for (const slot of [kernel.image, kernel.kind === 'winograd' ? kernel.weights : kernel.gradient]) {
    const buffer = kernel.buffers[slot];
    if (buffer === undefined || buffer.access === 'write' || buffer.dtype !== 'float32')
      fail(`buffer ${slot} is no array of float32 to read`);
  }
  if (kernel.channels % CHANNELS_TOGETHER !== 0 || kernel.features % CHANNELS_TOGETHER !== 0)
    fail(`channels and features go by ${CHANNELS_TOGETHER}`);
}

function hasDot({ kind }: Kernel): boolean {
  return (
    kind === 'gemm' ||
    kind === 'stencil' ||
    kind === 'winograd' ||
    kind === 'attention' ||
    kind === 'attentionGrad'
  );
}

/** Checks numbering and references of a kernel; throws `InternalError`. */
export function verifyKernel(kernel: Kernel): void {
  const fail = (why: string): never => {
    throw new InternalError(`L2 ${kernel.name}: ${why}`);
  };
  if (kernel.kind === 'region') verifyRegion(kernel, fail);
  const variables = variableSizes(kernel).length;
  const checkIndex = (index: IndexExpr, before: number): void => {
    for (const { atom, factor } of index.terms) {
      if (factor === 0) fail('a zero factor');
      if (atom.kind === 'var' && atom.variable >= variables) fail(`no variable ${atom.variable}`);
      if (atom.kind === 'value' && atom.expr >= before)
        fail(`index uses expression ${atom.expr} before it is there`);
      if (atom.kind === 'div' || atom.kind === 'mod' || atom.kind === 'clamp') checkIndex(atom.of, before);
    }
  };
  kernel.exprs.forEach((e, i) => {
    for (const a of exprArguments(e)) if (a >= i) fail(`expression ${i} uses ${a}, which comes later`);
    for (const index of exprIndices(e)) checkIndex(index, i);
    if (
      e.op === 'load' &&
      (kernel.buffers[e.buffer] === undefined || kernel.buffers[e.buffer].access === 'write')
    ) {
      fail(`expression ${i} loads from buffer ${e.buffer}, which is not for reading`);
    }
    if (e.op === 'argument' && kernel.arguments[e.slot] !== e.dtype)
      fail(`no argument ${e.slot} of ${e.dtype}`);
    if (e.op === 'dot' && !hasDot(kernel)) fail('dot outside of a product');
    if (e.op === 'stage' && e.stage >= stageCount(kernel)) fail(`no stage ${e.stage}`);
  });
  verifyParts(kernel, fail);
  if (kernel.kind === 'stencil') verifyStencil(kernel, fail);
  if (kernel.kind === 'winograd' || kernel.kind === 'winogradGrad') verifyWinograd(kernel, fail);
  for (const s of kernel.stores) {
    checkIndex(s.index, kernel.exprs.length);
    const buffer = kernel.buffers[s.buffer];
    if (buffer === undefined || buffer.access === 'read')
      fail(`stores to buffer ${s.buffer}, which is not for writing`);
    if (kernel.exprs[s.value]?.dtype !== buffer.dtype)
      fail(`stores ${kernel.exprs[s.value]?.dtype} to ${buffer.dtype} memory`);
  }
  if (kernel.kind === 'attention' || kernel.kind === 'attentionGrad') {
    if (kernel.results.length !== kernel.stores.length) fail('not one result a store');
    for (const id of attentionOperands(kernel))
      if (kernel.exprs[id] === undefined) fail(`no expression ${id} to compute from`);
    if (
      kernel.mask !== null &&
      kinds[kernel.exprs[kernel.mask].dtype] !== 'f32' &&
      kernel.exprs[kernel.mask].dtype !== 'bool'
    )
      fail('a mask is bool or of float32 arithmetic');
  }
}

function verifyStencil(kernel: StencilKernel, fail: (why: string) => never): void {
  const isTaps = kernel.pass === 'taps' || kernel.pass === 'denseTaps';
  const [image, positions] = [kernel.image, kernel.positions];
  const reads = (id: ExprId): boolean => {
    const e = kernel.exprs[id];
    return e?.op === 'load' && e.dtype === 'float32';
  };
  const neighbours = (id: ExprId, [, variable]: readonly [number, number], size: number): boolean => {
    const e = kernel.exprs[id];
    return e.op === 'load' && factorOf(e.index, variable) === (size === 1 ? 0 : 1);
  };
  const isPositions = kernel.pass === 'spread';
  if (![kernel.x, ...(isTaps ? [kernel.y] : [])].every(reads)) fail('a stencil reads float32 memory');
  if (
    !neighbours(
      kernel.x,
      stencilVariables[isPositions ? 'positions' : 'image'],
      (isPositions ? positions : image)[1],
    )
  )
    fail('columns do not lie together');
  if (isTaps && !neighbours(kernel.y, stencilVariables.positions, positions[1]))
    fail('columns do not lie together');
  if ((kernel.pass === 'mix' || kernel.pass === 'dense') && stencilOffsets(kernel) === null)
    fail('weights of a channel do not lie at fixed places');
  if (kernel.weights.length !== (isTaps ? 0 : kernel.taps[0] * kernel.taps[1])) fail('not one weight a tap');
}

/** Of `mix` and `dense`: how far behind that of the first tap the weight of each tap lies; null if that differs from channel to channel. */
export function stencilOffsets({ exprs, weights }: StencilKernel): readonly number[] | null {
  const loads = weights.flatMap((id) => {
    const e = exprs[id];
    return e.op === 'load' && e.dtype === 'float32' ? [e] : [];
  });
  const [first] = loads;
  const isAlike = loads.every(
    (e) => e.buffer === first.buffer && sameIndex({ ...e.index, base: 0 }, { ...first.index, base: 0 }),
  );
  return isAlike && loads.length === weights.length
    ? loads.map((e) => e.index.base - first.index.base)
    : null;
}

function verifyRegion(kernel: RegionKernel, fail: (why: string) => never): void {
  const dtypes = [...kernel.buffers, ...kernel.locals].map((b) => b.dtype);
  for (const part of regionParts(kernel)) {
    verifyKernel(part.kernel);
    part.kernel.buffers.forEach((b, i) => {
      const place = part.buffers[i];
      if (place === undefined || dtypes[place.slot] !== b.dtype)
        fail(`buffer ${i} of its part ${part.kernel.name} is not of ${b.dtype}`);
      const own = kernel.buffers[place.slot];
      if (own !== undefined && own.access === 'read' && b.access !== 'read')
        fail(`its part ${part.kernel.name} writes to buffer ${place.slot}, which is not for writing`);
    });
    part.kernel.arguments.forEach((dtype, i) => {
      if (kernel.arguments[part.arguments[i]] !== dtype)
        fail(`argument ${i} of its part ${part.kernel.name}`);
    });
  }
}
