/**
 * Programs over tensors as plain data: what fixtures from PyTorch and random tests are written in. `scripts/pytorch-fixtures.py` runs
 * the same programs with PyTorch; the names of steps are those of Tensor methods and functions here.
 *
 * A program has numbered tensors: its inputs first, then the result of every step that gives one. A step is
 * `[name, operands, ...parameters]`. Steps without a result update a tensor in place, read one, or go back over the tape.
 */
import type { DType, IndexItem, TypedArray } from '../../src/index.js';
import { autograd, fromTypedArray, functional, noGrad, slice, type Tensor } from '../../src/index.js';
import { type Workspace, withWorkspace } from '../../src/tensor/workspace.js';

/** Elements as JSON can hold them: 'nan', 'inf', '-inf', '-0' and integers beyond 2^53 are strings. */
export type Element = number | string;

export interface Plain {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly data: readonly Element[];
}

export interface Input extends Plain {
  readonly grad?: boolean;
}

export type Parameter =
  | number
  | string
  | boolean
  | null
  | readonly (number | string | null | readonly (number | null)[])[];

export type Step = readonly [name: string, operands: readonly number[], ...parameters: Parameter[]];

export interface Program {
  readonly inputs: readonly Input[];
  readonly steps: readonly Step[];
  /** Tensors that are read at the end, in this order. */
  readonly outputs: readonly number[];
}

export interface Snapshot {
  readonly of: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly data: TypedArray;
}

export interface Outcome {
  /** Values read on the way and at the end, then gradients; a value that cannot be read any more is named with its error. */
  readonly snapshots: readonly (Snapshot | { readonly of: string; readonly error: string })[];
  /** The step that threw, if any, and what. */
  readonly thrown: { readonly step: number; readonly error: Error } | null;
}

const arrays = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array, bool: Uint8Array } as const;

function toNumber(x: Element): number {
  if (typeof x === 'number') return x;
  return x === 'nan'
    ? Number.NaN
    : x === 'inf'
      ? Number.POSITIVE_INFINITY
      : x === '-inf'
        ? Number.NEGATIVE_INFINITY
        : Number(x);
}

export function decode(p: Plain): TypedArray {
  if (p.dtype === 'int64') return BigInt64Array.from(p.data.map(BigInt));
  const out = new arrays[p.dtype](p.data.length);
  p.data.forEach((x, i) => {
    out[i] = toNumber(x);
  });
  return out;
}

/** Numbers that are the same on both sides and in which no element is like its neighbour: seeds of gradients. */
export function pattern(shape: readonly number[]): Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  return fromTypedArray(
    Float32Array.from({ length: n }, (_, i) => ((i * 7) % 5) - 1.5),
    shape,
  );
}

// --- parameters ------------------------------------------------------------------------------------------------------------

function num(p: Parameter | undefined): number {
  if (typeof p === 'number') return p;
  if (typeof p === 'string') return toNumber(p);
  throw new TypeError(`expected a number, got ${JSON.stringify(p)}`);
}
function list(p: Parameter | undefined): number[] {
  if (Array.isArray(p)) return p.map((x) => num(x));
  throw new TypeError(`expected a list of numbers, got ${JSON.stringify(p)}`);
}
function dims(p: Parameter | undefined): number | number[] | undefined {
  return p === null || p === undefined ? undefined : typeof p === 'number' ? p : list(p);
}
function optional(p: Parameter | undefined): number | undefined {
  return p === null || p === undefined ? undefined : num(p);
}
function indexItem(p: number | string | null | readonly (number | null)[]): IndexItem {
  if (p === ':' || p === '...' || p === null || typeof p === 'number') return p;
  if (typeof p === 'string') throw new TypeError(`no index: ${p}`);
  return slice(p[0] ?? null, p[1] ?? null, p[2] ?? 1);
}
type Reduction = 'mean' | 'sum' | 'none';

// --- steps -----------------------------------------------------------------------------------------------------------------

type Rule = (t: readonly Tensor[], p: readonly Parameter[]) => Tensor | null;

function numberOrBool(p: Parameter | undefined): number | boolean {
  return typeof p === 'boolean' ? p : num(p);
}

/** The second operand of an arithmetic step: a tensor if the step has two, else its number. */
function other(t: readonly Tensor[], p: readonly Parameter[]): Tensor | number | boolean {
  return t.length > 1 ? t[1] : numberOrBool(p[0]);
}

type UnaryMethod =
  | 'neg'
  | 'abs'
  | 'relu'
  | 'exp'
  | 'log'
  | 'sqrt'
  | 'tanh'
  | 'erf'
  | 'reciprocal'
  | 'square'
  | 'sigmoid'
  | 'logicalNot'
  | 'clone'
  | 'detach'
  | 't'
  | 'max'
  | 'min'
  | 'relu_'
  | 'neg_'
  | 'exp_'
  | 'sqrt_'
  | 'tanh_'
  | 'zero_';
type BinaryMethod =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'eq'
  | 'ne'
  | 'lt'
  | 'le'
  | 'gt'
  | 'ge'
  | 'add_'
  | 'sub_'
  | 'mul_'
  | 'div_';

const unary =
  (name: UnaryMethod): Rule =>
  ([x]) =>
    x[name]();
const binary =
  (name: BinaryMethod): Rule =>
  (t, p) =>
    t[0][name](other(t, p));
/** An update in place gives no new tensor. */
const silent =
  (rule: Rule): Rule =>
  (t, p) => {
    rule(t, p);
    return null;
  };

export const rules: { readonly [name: string]: Rule } = {
  ...Object.fromEntries(
    (
      [
        'neg',
        'abs',
        'relu',
        'exp',
        'log',
        'sqrt',
        'tanh',
        'erf',
        'reciprocal',
        'square',
        'sigmoid',
        'logicalNot',
        'clone',
        'detach',
        't',
        'max',
        'min',
      ] as const
    ).map((n) => [n, unary(n)]),
  ),
  ...Object.fromEntries(
    (['relu_', 'neg_', 'exp_', 'sqrt_', 'tanh_', 'zero_'] as const).map((n) => [n, silent(unary(n))]),
  ),
  ...Object.fromEntries(
    (['add', 'sub', 'mul', 'div', 'eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const).map((n) => [n, binary(n)]),
  ),
  ...Object.fromEntries((['add_', 'sub_', 'mul_', 'div_'] as const).map((n) => [n, silent(binary(n))])),
  addScaled: ([x, y], [alpha]) => x.add(y, { alpha: num(alpha) }),
  maximum: ([x, y]) => x.maximum(y),
  minimum: ([x, y]) => x.minimum(y),
  logicalAnd: ([x, y]) => x.logicalAnd(y),
  logicalOr: ([x, y]) => x.logicalOr(y),
  where: ([condition, x, y], p) => x.where(condition, y ?? numberOrBool(p[0])),
  to: ([x], [dtype]) => x.to(dtype as DType),
  sum: ([x], [d, keepdim]) => x.sum(dims(d), { keepdim: keepdim === true }),
  mean: ([x], [d, keepdim]) => x.mean(dims(d), { keepdim: keepdim === true }),
  amax: ([x], [d, keepdim]) => x.amax(dims(d), { keepdim: keepdim === true }),
  amin: ([x], [d, keepdim]) => x.amin(dims(d), { keepdim: keepdim === true }),
  argmax: ([x], [d, keepdim]) => x.argmax(optional(d), { keepdim: keepdim === true }),
  softmax: ([x], [d]) => x.softmax(num(d)),
  logSoftmax: ([x], [d]) => x.logSoftmax(num(d)),
  reshape: ([x], [shape]) => x.reshape(list(shape)),
  flatten: ([x], [start, end]) => x.flatten(num(start), num(end)),
  squeeze: ([x], [d]) => x.squeeze(optional(d)),
  unsqueeze: ([x], [d]) => x.unsqueeze(num(d)),
  permute: ([x], [order]) => x.permute(list(order)),
  transpose: ([x], [a, b]) => x.transpose(num(a), num(b)),
  expand: ([x], [shape]) => x.expand(list(shape)),
  narrow: ([x], [d, start, length]) => x.narrow(num(d), num(start), num(length)),
  select: ([x], [d, i]) => x.select(num(d), num(i)),
  index: ([x], items) => x.index(...items.map((i) => indexItem(i as never))),
  matmul: ([x, y]) => x.matmul(y),
  gather: ([x, index], [d]) => x.gather(num(d), index),
  linear: ([x, w, b]) => functional.linear(x, w, b ?? null),
  gelu: ([x], [approximate]) => functional.gelu(x, { approximate: approximate as 'none' | 'tanh' }),
  crossEntropy: ([x, y], [reduction]) => functional.crossEntropy(x, y, { reduction: reduction as Reduction }),
  mseLoss: ([x, y], [reduction]) => functional.mseLoss(x, y, { reduction: reduction as Reduction }),
  fill_: silent(([x], [v]) => x.fill_(num(v))),
  copy_: silent(([x, y]) => x.copy_(y)),
  backward: silent(([x]) => {
    x.backward(pattern(x.shape), { retainGraph: true });
    return null;
  }),
  /** A step of gradient descent on a leaf, if it has a gradient. */
  update: silent(([x], [rate]) => {
    const { grad } = x;
    return grad === null ? null : noGrad(() => x.sub_(grad.mul(num(rate))));
  }),
  zeroGrad: silent(([x]) => {
    x.grad = null;
    return null;
  }),
};

/** Steps that read: `run` takes a snapshot there. `second` takes gradients of gradients. */
const reads = new Set(['read', 'second']);

export function isKnownStep(name: string): boolean {
  return name in rules || reads.has(name);
}

/** Gradients of a weighted sum of the gradients of `y`, for all inputs that want one. */
function secondGradients(y: Tensor, leaves: readonly Tensor[]): (Tensor | null)[] {
  const first = autograd.grad([y], leaves, {
    gradOutputs: [pattern(y.shape)],
    createGraph: true,
    allowUnused: true,
  });
  const parts = first.filter((g) => g?.requiresGrad).map((g) => g as Tensor);
  if (parts.length === 0) return leaves.map(() => null);
  const total = parts.map((g) => g.mul(pattern(g.shape)).sum()).reduce((a, b) => a.add(b));
  return autograd.grad([total], leaves, { allowUnused: true });
}

export interface RunOptions {
  /** Read every tensor as soon as it is there, so that no two steps are fused. */
  readonly eager?: boolean;
  /** Called with the result of every step (after an update, with what was updated); gives the tensor to go on with. */
  readonly after?: (step: number, t: Tensor) => Tensor;
}

export function runProgram(space: Workspace, program: Program, options: RunOptions = {}): Outcome {
  return withWorkspace(space, () => {
    const tensors: Tensor[] = [];
    const snapshots: (Snapshot | { of: string; error: string })[] = [];
    const look = (of: string, t: Tensor | null): void => {
      if (t === null) return;
      try {
        snapshots.push({ of, shape: t.shape, dtype: t.dtype, data: t.dataSync() });
      } catch (error) {
        if (!(error instanceof Error) || error.name !== 'StaleValueError') throw error;
        snapshots.push({ of, error: error.name });
      }
    };
    for (const p of program.inputs) {
      tensors.push(fromTypedArray(decode(p), p.shape, { dtype: p.dtype, requiresGrad: p.grad ?? false }));
    }
    const leaves = tensors.filter((t) => t.requiresGrad);
    let at = 0;
    try {
      for (; at < program.steps.length; at++) {
        const [name, operands, ...parameters] = program.steps[at];
        const taken = operands.map((i) => tensors[i]);
        if (name === 'read') look(`step ${at}`, taken[0]);
        else if (name === 'second') {
          secondGradients(taken[0], leaves).forEach((g, i) => {
            look(`second gradient ${i}`, g);
          });
        } else {
          const rule = rules[name];
          if (rule === undefined) throw new TypeError(`no step is called ${name}`);
          const made = rule(taken, parameters);
          if (made !== null) tensors.push(options.after ? options.after(at, made) : made);
          else if (options.after) options.after(at, taken[0]);
          if (options.eager) {
            (made ?? taken[0]).dataSync();
            for (const leaf of leaves) leaf.grad?.dataSync();
          }
        }
      }
      for (const i of program.outputs) look(`%${i}`, tensors[i]);
      leaves.forEach((leaf, i) => {
        look(`gradient ${i}`, leaf.grad);
      });
    } catch (error) {
      return {
        snapshots,
        thrown: { step: at, error: error instanceof Error ? error : new Error(String(error)) },
      };
    }
    return { snapshots, thrown: null };
  });
}

// --- printing --------------------------------------------------------------------------------------------------------------

function show(p: Plain): string {
  const few =
    p.data.length <= 24
      ? p.data.join(', ')
      : `${p.data.slice(0, 24).join(', ')}, ... ${p.data.length} in all`;
  return `${p.dtype}[${p.shape.join(', ')}] {${few}}`;
}

/** A program as people read it, one step a line. */
export function printProgram(program: Program): string {
  const lines = program.inputs.map((p, i) => `%${i} = ${show(p)}${p.grad ? ' requires grad' : ''}`);
  let next = program.inputs.length;
  for (const [name, operands, ...parameters] of program.steps) {
    const text = [...operands.map((i) => `%${i}`), ...parameters.map((p) => JSON.stringify(p))].join(', ');
    const gives = !(
      name.endsWith('_') ||
      reads.has(name) ||
      ['backward', 'update', 'zeroGrad'].includes(name)
    );
    lines.push(gives ? `%${next++} = ${name}(${text})` : `${name}(${text})`);
  }
  lines.push(`outputs ${program.outputs.map((i) => `%${i}`).join(', ')}`);
  return lines.join('\n');
}
