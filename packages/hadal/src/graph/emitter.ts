/**
 * Builds graph ops with strict shapes: operands of an elementwise op agree in shape and dtype. The tensor layer broadcasts and
 * promotes before; a violation here is a bug of the caller, so messages are short.
 */
import type { AttentionRoles, ConvDims, DotDims, WindowDims } from '../base/attributes.js';
import {
  attentionAttributes,
  attentionInputs,
  convAttributes,
  convShape,
  dotAttributes,
  dotShape,
  numberBits,
  windowAttributes,
  windowShape,
} from '../base/attributes.js';
import type { DType } from '../base/dtype.js';
import { isFloat } from '../base/dtype.js';
import { IndexError, ShapeError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { numel, sameShape, showShape } from '../base/shape.js';
import type { Attributes, Operand } from './op.js';
import type {
  ArithmeticName,
  AttentionHow,
  CompareName,
  LogicalName,
  Ops,
  ReduceName,
  UnaryName,
} from './ops-interface.js';
import type { ScanDims } from './regions/region.js';
import { sameType, scanAttributes, scanOperands } from './regions/region.js';
import type { OpName, TupleName } from './table.js';

const NONE: Attributes = [];

/** No index into an empty dimension is in range, whatever it will be. */
function checkNotEmpty(x: Operand, dim: number, index: Operand): void {
  if (x.shape[dim] === 0 && numel(index.shape) > 0)
    throw new IndexError(
      `index: dimension ${dim} of ${showShape(x.shape)} is empty; there is nothing that ${showShape(index.shape)} positions could name`,
    );
}

function checkAttention(name: string, { q, k, v, mask, dropout }: AttentionRoles<Operand>): void {
  const rank = q.shape.length;
  const lead = q.shape.slice(0, -2);
  const [rows, keys] = [q.shape[rank - 2], k.shape[rank - 2]];
  const fits = (x: Operand, last: readonly number[]): boolean => sameShape(x.shape, [...lead, ...last]);
  const isGood =
    rank >= 2 &&
    isFloat(q.dtype) &&
    [k, v].every((x) => x.dtype === q.dtype && x.shape.length === rank) &&
    fits(k, [keys, q.shape[rank - 1]]) &&
    fits(v, [keys, v.shape[rank - 1]]) &&
    (mask === null || (fits(mask, [rows, keys]) && (mask.dtype === 'bool' || isFloat(mask.dtype)))) &&
    (dropout === null || fits(dropout.random, [rows, keys]));
  if (isGood) return;
  const shown = [q, k, v, ...(mask === null ? [] : [mask])].map((x) => `${x.dtype}${showShape(x.shape)}`);
  throw new ShapeError(`${name}: operands ${shown.join(', ')} do not fit`);
}

export abstract class OpEmitter<V extends Operand> implements Ops<V> {
  protected abstract apply(
    name: OpName,
    inputs: readonly V[],
    attributes: Attributes,
    shape: Shape,
    dtype: DType,
  ): V;

  /** All results of an op that has several. */
  protected abstract applyMany(name: TupleName, inputs: readonly V[], attributes: Attributes): readonly V[];

  #same(name: string, a: V, b: V): void {
    if (!sameShape(a.shape, b.shape) || a.dtype !== b.dtype) {
      throw new ShapeError(
        `${name}: operands ${a.dtype}${showShape(a.shape)} and ${b.dtype}${showShape(b.shape)} differ`,
      );
    }
  }

  unary(name: UnaryName, x: V): V {
    return this.apply(name, [x], NONE, x.shape, x.dtype);
  }

  arithmetic(name: ArithmeticName, a: V, b: V): V {
    this.#same(name, a, b);
    return this.apply(name, [a, b], NONE, a.shape, a.dtype);
  }

  compare(name: CompareName, a: V, b: V): V {
    this.#same(name, a, b);
    return this.apply(name, [a, b], NONE, a.shape, 'bool');
  }

  logical(name: LogicalName, a: V, b: V): V {
    this.#same(name, a, b);
    return this.apply(name, [a, b], NONE, a.shape, 'bool');
  }

  where(condition: V, a: V, b: V): V {
    this.#same('where', a, b);
    if (condition.dtype !== 'bool' || !sameShape(condition.shape, a.shape)) {
      throw new ShapeError(
        `where: condition ${condition.dtype}${showShape(condition.shape)} does not fit ${showShape(a.shape)}`,
      );
    }
    return this.apply('where', [condition, a, b], NONE, a.shape, a.dtype);
  }

  cast(x: V, dtype: DType): V {
    return x.dtype === dtype ? x : this.apply('cast', [x], NONE, x.shape, dtype);
  }

  reshape(x: V, shape: Shape): V {
    return sameShape(x.shape, shape) ? x : this.apply('reshape', [x], NONE, shape, x.dtype);
  }

  permute(x: V, order: readonly number[]): V {
    if (order.every((d, i) => d === i)) return x;
    return this.apply(
      'permute',
      [x],
      order,
      order.map((d) => x.shape[d]),
      x.dtype,
    );
  }

  expand(x: V, shape: Shape): V {
    return sameShape(x.shape, shape) ? x : this.apply('expand', [x], NONE, shape, x.dtype);
  }

  slice(x: V, starts: readonly number[], steps: readonly number[], shape: Shape): V {
    if (sameShape(x.shape, shape) && steps.every((s) => s === 1)) return x;
    return this.apply('slice', [x], [...starts, ...steps], shape, x.dtype);
  }

  pad(x: V, low: readonly number[], interior: readonly number[], shape: Shape): V {
    return sameShape(x.shape, shape) ? x : this.apply('pad', [x], [...low, ...interior], shape, x.dtype);
  }

  windows(x: V, dims: WindowDims): V {
    return this.apply('windows', [x], windowAttributes(dims), windowShape(x.shape, dims), x.dtype);
  }

  interleave(parts: readonly V[], sizes: readonly number[]): V {
    const [{ shape, dtype }] = parts;
    const lead = shape.length - sizes.length;
    const whole = shape.map((s, d) => (d < lead ? s : s * sizes[d - lead]));
    return this.apply('interleave', parts, sizes, whole, dtype);
  }

  reduce(name: ReduceName, x: V, dims: readonly number[]): V {
    return this.apply(
      name,
      [x],
      dims,
      x.shape.map((s, d) => (dims.includes(d) ? 1 : s)),
      x.dtype,
    );
  }

  argmax(x: V, dim: number): V {
    return this.apply(
      'argmax',
      [x],
      [dim],
      x.shape.map((s, d) => (d === dim ? 1 : s)),
      'int64',
    );
  }

  dot(a: V, b: V, dims: DotDims): V {
    return this.apply('dot', [a, b], dotAttributes(dims), dotShape(a.shape, b.shape, dims), a.dtype);
  }

  conv(input: V, kernel: V, dims: ConvDims): V {
    const shape = convShape(input.shape, kernel.shape, dims);
    return this.apply('conv', [input, kernel], convAttributes(dims), shape, input.dtype);
  }

  #attention(
    name: 'attention' | 'attentionGrad',
    roles: AttentionRoles<V>,
    how: AttentionHow,
    own: readonly V[],
  ) {
    checkAttention(name, roles);
    const { mask, dropout } = roles;
    const attributes = attentionAttributes({
      ...how,
      hasMask: mask !== null,
      hasDropout: dropout !== null,
    });
    return this.applyMany(name, attentionInputs(roles, own), attributes);
  }

  attention(roles: AttentionRoles<V>, how: AttentionHow): readonly [output: V, logSum: V] {
    const [output, logSum] = this.#attention('attention', roles, how, []);
    return [output, logSum];
  }

  attentionGrad(
    roles: AttentionRoles<V>,
    how: AttentionHow,
    given: { readonly grad: V; readonly logSum: V; readonly delta: V },
  ): readonly [q: V, k: V, v: V] {
    const own = [given.grad, given.logSum, given.delta];
    const [q, k, v] = this.#attention('attentionGrad', roles, how, own);
    return [q, k, v];
  }

  maxPool(x: V, dims: WindowDims): V {
    const shape = windowShape(x.shape, dims).slice(0, x.shape.length);
    return this.apply('maxPool', [x], windowAttributes(dims), shape, x.dtype);
  }

  sumPool(x: V, dims: WindowDims): V {
    const shape = windowShape(x.shape, dims).slice(0, x.shape.length);
    return this.apply('sumPool', [x], windowAttributes(dims), shape, x.dtype);
  }

  gather(x: V, dim: number, index: V): V {
    checkNotEmpty(x, dim, index);
    return this.apply('gather', [x, index], [dim], index.shape, x.dtype);
  }

  indexSelect(x: V, dim: number, index: V): V {
    checkNotEmpty(x, dim, index);
    const shape = x.shape.map((s, d) => (d === dim ? index.shape[0] : s));
    return this.apply('indexSelect', [x, index], [dim], shape, x.dtype);
  }

  scatterAdd(source: V, dim: number, index: V, shape: Shape): V {
    return this.apply('scatterAdd', [source, index], [dim], shape, source.dtype);
  }

  indexAdd(source: V, dim: number, index: V, shape: Shape): V {
    return this.apply('indexAdd', [source, index], [dim], shape, source.dtype);
  }

  scatter(x: V, dim: number, index: V, source: V): V {
    return this.apply('scatter', [x, index, source], [dim], x.shape, x.dtype);
  }

  recurrence(a: V, b: V, dim: number): V {
    return this.apply('recurrence', [a, b], [dim], b.shape, b.dtype);
  }

  runningExtremum(x: V, dim: number, which: 'max' | 'min'): readonly [values: V, indices: V] {
    const [values, indices] = this.applyMany('runningExtremum', [x], [dim, which === 'max' ? 1 : 0]);
    return [values, indices];
  }

  argsort(x: V, dim: number, descending: boolean, count = x.shape[dim]): V {
    const shape = x.shape.map((s, d) => (d === dim ? count : s));
    return this.apply('argsort', [x], [dim, descending ? 1 : 0, count], shape, 'int64');
  }

  sort(x: V, dim: number, descending: boolean, count = x.shape[dim]): readonly [values: V, indices: V] {
    const [values, indices] = this.applyMany('sort', [x], [dim, descending ? 1 : 0, count]);
    return [values, indices];
  }

  cumsum(x: V, dim: number): V {
    return this.apply('cumsum', [x], [dim], x.shape, x.dtype);
  }

  scan(dims: ScanDims, operands: readonly V[]): readonly V[] {
    const wanted = scanOperands(dims);
    if (operands.length !== wanted.length)
      throw new ShapeError(`scan: the region takes ${wanted.length} operands, got ${operands.length}`);
    wanted.forEach((t, i) => {
      const { shape, dtype } = operands[i];
      if (!sameType(t, operands[i]))
        throw new ShapeError(
          `scan: operand ${i} is ${t.dtype}${showShape(t.shape)}, got ${dtype}${showShape(shape)}`,
        );
    });
    return this.applyMany('scan', operands, scanAttributes(dims));
  }

  constant(value: number, dtype: DType, shape: Shape): V {
    const scalar = this.apply('constant', [], numberBits(value), [], dtype);
    if (shape.length === 0) return scalar;
    const ones = this.apply(
      'reshape',
      [scalar],
      NONE,
      shape.map(() => 1),
      dtype,
    );
    return this.expand(ones, shape);
  }

  iota(shape: Shape, dim: number, dtype: DType): V {
    return this.apply('iota', [], [dim], shape, dtype);
  }
}
