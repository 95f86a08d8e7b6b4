/**
 * Tensor: what people write with. A tensor is a storage and a view of it; its methods check, broadcast and promote, and add nodes
 * to the pending graph. Nothing is computed until a value is read, an optimizer steps, or the graph has grown large.
 */

import type { BackwardOptions } from '../autograd/backward.js';
import { runBackward } from '../autograd/backward.js';
import { isGradEnabled, withGradMode } from '../autograd/mode.js';
import type { AutogradOps } from '../autograd/ops.js';
import { Value } from '../autograd/value.js';
import type { DType, TypedArray } from '../base/dtype.js';
import { checkDType, isFloat, typedView } from '../base/dtype.js';
import { ArgumentError, AutogradError, DTypeError, ShapeError } from '../base/errors.js';
import { giveWay } from '../base/event-loop.js';
import type { Shape } from '../base/shape.js';
import { normalizeDim, numel, sameShape, showShape } from '../base/shape.js';
import type { ArithmeticName, UnaryName } from '../graph/ops-interface.js';
import { format, type Nested, type NumberLike, nested, toScalar } from './format.js';
import { assignThrough, fitInPlace } from './in-place.js';
import type { Slice } from './indexing.js';
import { basicIndex, gather, narrowStep } from './indexing.js';
import { matmul } from './matmul.js';
import type { Operand } from './promotion.js';
import { binary, broadcastValue, compare, logical, toFloat, where } from './promotion.js';
import { argmax, extremum, logSoftmax, mean, softmax, sum } from './reduction.js';
import { expandShape, flattenShape, resolveShape } from './shapes.js';
import { Storage } from './storage.js';
import type { ViewStep } from './views.js';
import { forward } from './views.js';
import type { Workspace } from './workspace.js';

export type { Nested, NumberLike } from './format.js';

export class Tensor {
  readonly #storage: Storage;
  readonly #views: readonly ViewStep[];
  /** Aliases made by detach() or under noGrad() are not on the tape. */
  readonly #detached: boolean;
  /** Reads do not remember whose value they read; see `#before`. */
  readonly #anonymous: boolean;
  #cached: Value | null = null;
  #cachedFrom: Value | null = null;

  /** Not for users: see `tensor`, `zeros`, `fromTypedArray` and the like. */
  constructor(storage: Storage, views: readonly ViewStep[] = [], detached = false, anonymous = false) {
    this.#storage = storage;
    this.#views = views;
    this.#detached = detached;
    this.#anonymous = anonymous;
  }

  /** A tensor of its own storage for a value. */
  static of(workspace: Workspace, value: Value): Tensor {
    return new Tensor(new Storage(workspace, value));
  }

  get #ops(): AutogradOps {
    return this.#storage.workspace.ops;
  }

  get workspace(): Workspace {
    return this.#storage.workspace;
  }

  get storage(): Storage {
    return this.#storage;
  }

  /** The current value on the graph and the tape. */
  get value(): Value {
    const base = this.#storage.value;
    if (this.#anonymous) return this.#read(new Value(base.node, this.#detached ? null : base.edge));
    if (this.#views.length === 0 && !this.#detached) return base;
    if (this.#cached !== null && this.#cachedFrom === base) return this.#cached;
    const start = this.#detached ? new Value(base.node, null).belongTo(this.#storage) : base;
    this.#cached = this.#read(start);
    this.#cachedFrom = base;
    return this.#cached;
  }

  #read(base: Value): Value {
    const replay = () => this.#views.reduce((v, step) => forward(this.#ops, step, v), base);
    return this.#detached ? replay() : withGradMode(true, replay);
  }

  /** This tensor as it is before an in-place op: the op's own change is none that its gradient has to fear. */
  get #before(): Tensor {
    return new Tensor(this.#storage, this.#views, this.#detached, true);
  }

  /** Sizes of all dimensions, outermost first. */
  get shape(): Shape {
    return this.value.shape;
  }

  get dtype(): DType {
    return this.#storage.node.dtype;
  }

  /** The name of the engine this tensor lives on. */
  get device(): string {
    return this.#storage.engine.name;
  }

  get ndim(): number {
    return this.shape.length;
  }

  dim(): number {
    return this.shape.length;
  }

  numel(): number {
    return numel(this.shape);
  }

  size(): Shape;
  size(dim: number): number;
  size(dim?: number): Shape | number {
    return dim === undefined ? this.shape : this.shape[normalizeDim('size', dim, this.ndim)];
  }

  #new(value: Value): Tensor {
    return Tensor.of(this.workspace, value);
  }

  #view(step: ViewStep): Tensor {
    const detached = this.#detached || !isGradEnabled();
    return new Tensor(this.#storage, [...this.#views, step], detached);
  }

  // --- elementwise ---------------------------------------------------------------------------------------------------------

  /** this + other, broadcast, in the dtype that both promote to. */
  add(other: Operand, options: { alpha?: number } = {}): Tensor {
    return this.#new(this.#arithmetic('add', scaled(other, options.alpha)));
  }
  sub(other: Operand, options: { alpha?: number } = {}): Tensor {
    return this.#new(this.#arithmetic('sub', scaled(other, options.alpha)));
  }
  mul(other: Operand): Tensor {
    return this.#new(this.#arithmetic('mul', other));
  }
  /** True division; integers are divided as float32. */
  div(other: Operand): Tensor {
    return this.#new(this.#arithmetic('div', other));
  }
  maximum(other: Tensor): Tensor {
    return this.#new(this.#arithmetic('maximum', other));
  }
  minimum(other: Tensor): Tensor {
    return this.#new(this.#arithmetic('minimum', other));
  }

  #arithmetic(name: ArithmeticName, other: Operand): Value {
    const { a, b } = binary(name, this, other);
    return this.#ops.arithmetic(name, a, b);
  }

  eq(other: Operand): Tensor {
    return this.#new(compare('eq', this, other));
  }
  ne(other: Operand): Tensor {
    return this.#new(compare('ne', this, other));
  }
  lt(other: Operand): Tensor {
    return this.#new(compare('lt', this, other));
  }
  le(other: Operand): Tensor {
    return this.#new(compare('le', this, other));
  }
  gt(other: Operand): Tensor {
    return this.#new(compare('gt', this, other));
  }
  ge(other: Operand): Tensor {
    return this.#new(compare('ge', this, other));
  }
  logicalAnd(other: Tensor): Tensor {
    return this.#new(logical('logicalAnd', this, other));
  }
  logicalOr(other: Tensor): Tensor {
    return this.#new(logical('logicalOr', this, other));
  }
  logicalNot(): Tensor {
    return this.#new(this.#ops.unary('logicalNot', this.#ops.cast(this.value, 'bool')));
  }

  #unary(name: UnaryName): Value {
    if (this.dtype === 'bool') {
      throw new DTypeError(
        `${name}: bool tensors have no ${name}; convert with .to('float32') or .to('int64')`,
      );
    }
    return this.#ops.unary(name, this.value);
  }
  /** A function defined on reals: integers and bools become float32 first. */
  #real(name: UnaryName): Value {
    return this.#ops.unary(name, toFloat(this.value, this.#ops));
  }

  neg(): Tensor {
    return this.#new(this.#unary('neg'));
  }
  abs(): Tensor {
    return this.#new(this.#unary('abs'));
  }
  relu(): Tensor {
    return this.#new(this.#unary('relu'));
  }
  exp(): Tensor {
    return this.#new(this.#real('exp'));
  }
  log(): Tensor {
    return this.#new(this.#real('log'));
  }
  sqrt(): Tensor {
    return this.#new(this.#real('sqrt'));
  }
  tanh(): Tensor {
    return this.#new(this.#real('tanh'));
  }
  erf(): Tensor {
    return this.#new(this.#real('erf'));
  }
  reciprocal(): Tensor {
    return this.#new(this.#real('reciprocal'));
  }
  square(): Tensor {
    const x = this.dtype === 'bool' ? this.to('int64') : this;
    return x.mul(x);
  }
  /** 1 / (1 + exp(-x)). */
  sigmoid(): Tensor {
    return this.#new(this.#real('sigmoid'));
  }

  /** this where `condition` holds, else `other`. */
  where(condition: Tensor, other: Operand): Tensor {
    return this.#new(where(condition, this, other));
  }

  // --- dtype ---------------------------------------------------------------------------------------------------------------

  /** The same values in another dtype: float to integer truncates, anything to bool asks whether it is not zero. */
  to(dtype: DType): Tensor {
    if (checkDType(dtype) === this.dtype) return this;
    return this.#new(this.#ops.cast(this.value, dtype));
  }
  float(): Tensor {
    return this.to('float32');
  }
  int(): Tensor {
    return this.to('int32');
  }
  long(): Tensor {
    return this.to('int64');
  }
  bool(): Tensor {
    return this.to('bool');
  }

  // --- reductions ----------------------------------------------------------------------------------------------------------

  /** Sum over the given dimensions (all by default). Integers and bools add up as int64. */
  sum(dim?: number | readonly number[], options: { keepdim?: boolean } = {}): Tensor {
    return this.#new(sum(this, dim, options.keepdim ?? false));
  }
  mean(dim?: number | readonly number[], options: { keepdim?: boolean } = {}): Tensor {
    return this.#new(mean(this, dim, options.keepdim ?? false));
  }
  amax(dim?: number | readonly number[], options: { keepdim?: boolean } = {}): Tensor {
    return this.#new(extremum('max', this, dim, options.keepdim ?? false));
  }
  amin(dim?: number | readonly number[], options: { keepdim?: boolean } = {}): Tensor {
    return this.#new(extremum('min', this, dim, options.keepdim ?? false));
  }
  /** The largest element of all. */
  max(): Tensor {
    return this.amax();
  }
  min(): Tensor {
    return this.amin();
  }
  /** The index of the first largest element along a dimension, int64; of the flattened tensor without one. */
  argmax(dim?: number, options: { keepdim?: boolean } = {}): Tensor {
    return this.#new(argmax(this, dim, options.keepdim ?? false));
  }
  softmax(dim: number): Tensor {
    return this.#new(softmax(this, dim));
  }
  logSoftmax(dim: number): Tensor {
    return this.#new(logSoftmax(this, dim));
  }

  // --- shape ---------------------------------------------------------------------------------------------------------------

  /** The same elements in row-major order under another shape; one size may be -1. A view. */
  reshape(shape: readonly number[]): Tensor {
    return this.#view({ kind: 'reshape', shape: resolveShape('reshape', this.shape, shape) });
  }
  view(shape: readonly number[]): Tensor {
    return this.reshape(shape);
  }
  /** Dimensions `start` to `end` as one. */
  flatten(start = 0, end = -1): Tensor {
    return this.#view({ kind: 'reshape', shape: flattenShape(this.shape, start, end) });
  }
  squeeze(dim?: number): Tensor {
    const drop = dim === undefined ? null : normalizeDim('squeeze', dim, this.ndim);
    return this.reshape(this.shape.filter((s, d) => s !== 1 || (drop !== null && d !== drop)));
  }
  unsqueeze(dim: number): Tensor {
    const at = normalizeDim('unsqueeze', dim, this.ndim + 1);
    return this.reshape([...this.shape.slice(0, at), 1, ...this.shape.slice(at)]);
  }
  permute(order: readonly number[]): Tensor {
    const dims = order.map((d) => normalizeDim('permute', d, this.ndim));
    if (dims.length !== this.ndim || new Set(dims).size !== dims.length) {
      throw new ShapeError(
        `permute: [${order.join(', ')}] is no order of the ${this.ndim} dimensions of ${showShape(this.shape)}`,
      );
    }
    return this.#view({ kind: 'permute', order: dims });
  }
  transpose(a: number, b: number): Tensor {
    const [x, y] = [normalizeDim('transpose', a, this.ndim), normalizeDim('transpose', b, this.ndim)];
    return this.permute(this.shape.map((_, d) => (d === x ? y : d === y ? x : d)));
  }
  /** A matrix transposed. */
  t(): Tensor {
    if (this.ndim > 2)
      throw new ShapeError(
        `t: expected at most 2 dimensions, got ${showShape(this.shape)}; use transpose or permute`,
      );
    return this.ndim < 2 ? this : this.transpose(0, 1);
  }
  get T(): Tensor {
    return this.t();
  }
  /** Dimensions of size 1 repeated without copying; -1 keeps a size, new dimensions come in front. A view that cannot be written to. */
  expand(shape: readonly number[]): Tensor {
    const full = expandShape(this.shape, shape);
    const lead = full.length - this.ndim;
    const wide = lead > 0 ? this.reshape([...new Array<number>(lead).fill(1), ...this.shape]) : this;
    return wide.#view({ kind: 'expand', shape: full });
  }
  broadcastTo(shape: readonly number[]): Tensor {
    return this.expand(shape);
  }
  /** `length` elements from `start` along a dimension. A view. */
  narrow(dim: number, start: number, length: number): Tensor {
    return this.#view(narrowStep(this.shape, dim, start, length));
  }
  /** One element along a dimension, which goes away. A view. */
  select(dim: number, index: number): Tensor {
    const d = normalizeDim('select', dim, this.ndim);
    return this.index(...this.shape.slice(0, d).map(() => ':' as const), index);
  }
  /**
   * Basic indexing; a view. Integers select and drop a dimension, `slice(start, end, step)` and `':'` keep it, `null` adds one of
   * size 1, `'...'` stands for as many `':'` as fit.
   */
  index(...items: readonly (number | null | Slice | ':' | '...')[]): Tensor {
    return basicIndex(this.shape, items).reduce<Tensor>((t, step) => t.#view(step), this);
  }

  // --- products and lookups ------------------------------------------------------------------------------------------------

  /** Matrix product with broadcast batch dimensions, as in PyTorch. */
  matmul(other: Tensor): Tensor {
    return this.#new(matmul(this, other));
  }
  mm(other: Tensor): Tensor {
    if (this.ndim !== 2 || other.ndim !== 2) {
      throw new ShapeError(
        `mm: expected two matrices, got ${showShape(this.shape)} and ${showShape(other.shape)}; use matmul for batches`,
      );
    }
    return this.matmul(other);
  }
  /** out[i][j] = this[i][index[i][j]] for dim = 1, and so on. `index` is int64 or int32. */
  gather(dim: number, index: Tensor): Tensor {
    return this.#new(gather(this, dim, index));
  }

  // --- in place ------------------------------------------------------------------------------------------------------------

  /** Gives the storage a new value in place of what this tensor shows of it. */
  #assign(name: string, value: Value): this {
    assignThrough(name, this.#storage, this.#views, this.#detached, value);
    return this;
  }

  /** The result goes straight into the storage: a tensor of its own would hold on to the memory that the next update reuses. */
  #inPlace(name: string, result: Value): this {
    return this.#assign(name, fitInPlace(name, this.#ops, result, this.shape, this.dtype));
  }

  add_(other: Operand, options: { alpha?: number } = {}): this {
    return this.#inPlace('add_', this.#before.#arithmetic('add', scaled(other, options.alpha)));
  }
  sub_(other: Operand, options: { alpha?: number } = {}): this {
    return this.#inPlace('sub_', this.#before.#arithmetic('sub', scaled(other, options.alpha)));
  }
  mul_(other: Operand): this {
    return this.#inPlace('mul_', this.#before.#arithmetic('mul', other));
  }
  div_(other: Operand): this {
    return this.#inPlace('div_', this.#before.#arithmetic('div', other));
  }
  relu_(): this {
    return this.#inPlace('relu_', this.#before.#unary('relu'));
  }
  neg_(): this {
    return this.#inPlace('neg_', this.#before.#unary('neg'));
  }
  exp_(): this {
    return this.#inPlace('exp_', this.#before.#real('exp'));
  }
  sqrt_(): this {
    return this.#inPlace('sqrt_', this.#before.#real('sqrt'));
  }
  tanh_(): this {
    return this.#inPlace('tanh_', this.#before.#real('tanh'));
  }
  fill_(value: number): this {
    return this.#assign('fill_', this.#ops.argument(value, this.dtype, this.shape));
  }
  zero_(): this {
    return this.#assign('zero_', this.#ops.constant(0, this.dtype, this.shape));
  }
  copy_(source: Tensor): this {
    const cast = this.#ops.cast(source.value, this.dtype);
    return this.#assign('copy_', broadcastValue('copy_', this.#ops, cast, this.shape));
  }

  // --- autograd ------------------------------------------------------------------------------------------------------------

  get requiresGrad(): boolean {
    return this.value.edge !== null;
  }

  /** Whether the tape did not make this tensor. */
  get isLeaf(): boolean {
    return this.value.edge?.kind !== 'op';
  }

  /** The op of the tape that made this tensor, or null. */
  get gradFn(): { readonly name: string } | null {
    const { edge } = this.value;
    return edge?.kind === 'op' ? edge : null;
  }

  /** Asks for a gradient of this leaf, or takes that back. */
  requiresGrad_(on = true): this {
    if (on && !isFloat(this.dtype))
      throw new DTypeError(`requiresGrad_: only float tensors have gradients, this one is ${this.dtype}`);
    if (!this.isLeaf || this.#views.length > 0 || this.#detached) {
      throw new AutogradError('requiresGrad_: only for leaf tensors; use detach().clone() to make one');
    }
    if (on !== this.requiresGrad) this.#storage.setRequiresGrad(on);
    return this;
  }

  /** The gradient that backward() has accumulated, or null. */
  get grad(): Tensor | null {
    const storage = this.#storage.gradStorage();
    return storage ? new Tensor(storage) : null;
  }

  set grad(value: Tensor | null) {
    this.#storage.setGrad(value ? value.value : null);
  }

  /** An alias that is not on the tape. */
  detach(): Tensor {
    return new Tensor(this.#storage, this.#views, true);
  }

  /** A copy with memory of its own, on the tape. */
  clone(): Tensor {
    return this.#new(this.#ops.copy(this.value));
  }

  /** Has this value written when the graph runs, so that it can be read whatever happens to what it was computed from. */
  keep(): this {
    this.value.node.saved++;
    return this;
  }

  /**
   * Gradients of this tensor for all leaves it depends on, added to their `grad`.
   *
   * @param gradient what the result's gradient is; may be left out for a single element, where it is 1.
   * @throws AutogradError if nothing here requires a gradient, or the graph was gone over before.
   */
  backward(gradient?: Tensor, options: BackwardOptions = {}): void {
    runBackward(this.#ops, [{ value: this.value, grad: this.#seed(gradient) }], new Map(), true, options);
  }

  #seed(gradient: Tensor | undefined): Value {
    if (gradient) {
      if (!sameShape(gradient.shape, this.shape)) {
        throw new ShapeError(
          `backward: a gradient of shape ${showShape(gradient.shape)} for a tensor of shape ${showShape(this.shape)}`,
        );
      }
      return gradient.value;
    }
    if (this.numel() !== 1) {
      throw new AutogradError(
        `backward: a gradient can be left out only for a single element, this tensor has shape ${showShape(this.shape)}. ` +
          'Reduce it with sum() or mean(), or pass a gradient.',
      );
    }
    return this.#ops.constant(1, this.dtype, this.shape);
  }

  // --- reading -------------------------------------------------------------------------------------------------------------

  /** A copy of all elements in row-major order, at once. */
  dataSync(): TypedArray {
    const bytes = this.#storage.engine.download(this.value.node);
    return typedView(this.dtype, bytes.buffer, 0, this.numel());
  }

  /** A copy of all elements in row-major order. */
  async data(): Promise<TypedArray> {
    const data = this.dataSync();
    await giveWay();
    return data;
  }

  /** The only element as a number (bigint beyond 2^53, boolean for bool). */
  itemSync(): NumberLike {
    if (this.numel() !== 1)
      throw new ArgumentError(
        `item: only for tensors of one element, this one has shape ${showShape(this.shape)}`,
      );
    return toScalar(this.dataSync()[0], this.dtype);
  }

  async item(): Promise<NumberLike> {
    if (this.numel() !== 1) return this.itemSync();
    return toScalar((await this.data())[0], this.dtype);
  }

  /** Nested arrays of numbers. */
  tolistSync(): Nested<NumberLike> {
    return nested(this.dataSync(), this.shape, (x) => toScalar(x, this.dtype));
  }

  async tolist(): Promise<Nested<NumberLike>> {
    return nested(await this.data(), this.shape, (x) => toScalar(x, this.dtype));
  }

  toString(): string {
    return format(
      this.dataSync(),
      this.shape,
      this.dtype,
      this.gradFn?.name ?? (this.requiresGrad ? 'requiresGrad' : null),
    );
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

function scaled(other: Operand, alpha: number | undefined): Operand {
  if (alpha === undefined || alpha === 1) return other;
  return other instanceof Tensor ? other.mul(alpha) : Number(other) * alpha;
}
