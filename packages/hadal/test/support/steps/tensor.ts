/** Steps of the tensor suites; scripts/fixtures/tensor.py says what each is in PyTorch. */
import type { DType, IndexItem, Operand, Tensor } from '../../../src/index.js';
import * as hadal from '../../../src/index.js';
import type { Parameter, Rule } from './parameters.js';
import { dims, indexItem, list, num, numberOrBool, optional, other, silent } from './parameters.js';

const unary = [
  'frac',
  'isnan',
  'isinf',
  'isfinite',
  'isposinf',
  'isneginf',
  'signbit',
  'deg2rad',
  'rad2deg',
  'sinc',
  'fliplr',
  'flipud',
  'argwhere',
  'nonzero',
  'trace',
  'ravel',
  'diagflat',
] as const;
const binary = [
  'logicalXor',
  'fmax',
  'fmin',
  'hypot',
  'copysign',
  'logaddexp',
  'logaddexp2',
  'xlogy',
  'bitwiseLeftShift',
  'bitwiseRightShift',
] as const;
const pairs = [
  'mm',
  'bmm',
  'mv',
  'dot',
  'outer',
  'inner',
  'kron',
  'isclose',
  'maskedSelect',
  'take',
] as const;
const inPlace = ['square_', 'sin_', 'floor_', 'frac_', 'sigmoid_', 'rsqrt_', 'logicalNot_'] as const;

function pick(p: Parameter | undefined): number[] {
  return typeof p === 'number' ? [p] : list(p);
}

/** Bounds of a clamp: numbers, null, or 't' for the next operand. */
function bounds(t: readonly Tensor[], p: readonly Parameter[]): [Operand | null, Operand | null] {
  const rest = t.slice(1);
  const bound = (b: Parameter): Operand | null =>
    b === null ? null : b === 't' ? rest.splice(0, 1)[0] : num(b);
  return [bound(p[0]), bound(p[1])];
}

/** Items of an index, 't' for the next operand. */
function items(t: readonly Tensor[], p: readonly Parameter[]): IndexItem[] {
  const rest = [...t];
  return p.map((i) => (i === 't' ? rest.splice(0, 1)[0] : indexItem(i as never)));
}

const keep = (p: Parameter | undefined): { keepdim: boolean } => ({ keepdim: p === true });

function put(write: (x: Tensor, value: Operand, at: readonly IndexItem[]) => unknown): Rule {
  return silent((t, [what, ...p]) => {
    const [x, ...rest] = t;
    const value = what === 't' ? rest[0] : num(what);
    write(x, value, items(what === 't' ? rest.slice(1) : rest, p));
    return null;
  });
}

function both(
  name: string,
  run: (t: readonly Tensor[], p: readonly Parameter[]) => hadal.ValuesAndIndices,
): [string, Rule][] {
  return [
    [`${name}Values`, (t, p) => run(t, p).values],
    [`${name}Indices`, (t, p) => run(t, p).indices],
  ];
}

const weights = (p: readonly Parameter[]): { beta: number; alpha: number } => ({
  beta: num(p[0]),
  alpha: num(p[1]),
});

export const tensorSteps: { readonly [name: string]: Rule } = {
  ...Object.fromEntries(unary.map((name): [string, Rule] => [name, ([x]) => x[name]()])),
  ...Object.fromEntries(binary.map((name): [string, Rule] => [name, (t, p) => t[0][name](other(t, p))])),
  ...Object.fromEntries(pairs.map((name): [string, Rule] => [name, ([x, y]) => x[name](y)])),
  ...Object.fromEntries(inPlace.map((name): [string, Rule] => [name, silent(([x]) => x[name]())])),
  ...Object.fromEntries([
    ...both('max', ([x], [d, k]) => x.max(num(d), keep(k))),
    ...both('min', ([x], [d, k]) => x.min(num(d), keep(k))),
    ...both('median', ([x], [d, k]) => x.median(num(d), keep(k))),
    ...both('kthvalue', ([x], [n, d, k]) => x.kthvalue(num(n), num(d), keep(k))),
    ...both('sort', ([x], [d, down]) => x.sort(num(d), { descending: down === true })),
    ...both('cummax', ([x], [d]) => x.cummax(num(d))),
    ...both('cummin', ([x], [d]) => x.cummin(num(d))),
    ...both('topk', ([x], [k, d, largest]) => x.topk(num(k), num(d), { largest: largest === true })),
  ]),
  clamp: (t, p) => t[0].clamp(...bounds(t, p)),
  lerp: ([x, y, w], [n]) => x.lerp(y, w ?? num(n)),
  addcmul: ([x, a, b], [value]) => x.addcmul(a, b, { value: num(value) }),
  addcdiv: ([x, a, b], [value]) => x.addcdiv(a, b, { value: num(value) }),
  roundTo: ([x], [decimals]) => x.round({ decimals: num(decimals) }),
  divide: ([x, y], [mode, n]) => x.div(y ?? num(n), { roundingMode: mode as 'trunc' | 'floor' | null }),
  nanToNum: ([x], p) => {
    const [nan, posinf, neginf] = p.map((v) => num(v));
    return x.nanToNum(p.length === 0 ? {} : { nan, posinf, neginf });
  },
  logit: ([x], [eps]) => x.logit(typeof eps === 'number' ? { eps } : {}),
  maskedFill: ([x, mask, y], [n]) => x.maskedFill(mask, y ?? num(n)),
  prod: ([x], [d, k]) => x.prod(dims(d), keep(k)),
  sumAs: ([x], [dtype]) => x.sum(undefined, { dtype: dtype as DType }),
  argmin: ([x], [d, k]) => x.argmin(optional(d), keep(k)),
  any: ([x], [d, k]) => x.any(dims(d), keep(k)),
  all: ([x], [d, k]) => x.all(dims(d), keep(k)),
  countNonzero: ([x], [d]) => x.countNonzero(dims(d)),
  var: ([x], [d, c, k]) => x.var(dims(d), { correction: num(c), ...keep(k) }),
  std: ([x], [d, c, k]) => x.std(dims(d), { correction: num(c), ...keep(k) }),
  norm: ([x], [p, d, k]) => x.norm(num(p), dims(d), keep(k)),
  logsumexp: ([x], [d, k]) => x.logsumexp(pick(d), keep(k)),
  cumsum: ([x], [d]) => x.cumsum(num(d)),
  cumprod: ([x], [d]) => x.cumprod(num(d)),
  nansum: ([x], [d]) => x.nansum(dims(d)),
  nanmean: ([x], [d]) => x.nanmean(dims(d)),
  // 'median' alone is of all elements.
  median: ([x]) => x.median(),
  unflatten: ([x], [d, sizes]) => x.unflatten(num(d), list(sizes)),
  squeezeSome: ([x], [d]) => x.squeeze(list(d)),
  movedim: ([x], [a, b]) => x.movedim(pick(a), pick(b)),
  mT: ([x]) => x.mT,
  splitPart: ([x], [n, d, i]) => x.split(typeof n === 'number' ? n : list(n), num(d))[num(i)],
  chunkPart: ([x], [n, d, i]) => x.chunk(num(n), num(d))[num(i)],
  tensorSplitPart: ([x], [n, d, i]) => x.tensorSplit(typeof n === 'number' ? n : list(n), num(d))[num(i)],
  unbindPart: ([x], [d, i]) => x.unbind(num(d))[num(i)],
  diagonal: ([x], [offset, a, b]) => x.diagonal(optional(offset), optional(a), optional(b)),
  unfold: ([x], [d, size, step]) => x.unfold(num(d), num(size), num(step)),
  flip: ([x], [d]) => x.flip(list(d)),
  roll: ([x], [by, d]) => x.roll(pick(by), dims(d)),
  rot90: ([x], [k, plane]) => {
    const [a, b] = list(plane);
    return x.rot90(num(k), [a, b]);
  },
  repeat: ([x], [sizes]) => x.repeat(list(sizes)),
  tile: ([x], [sizes]) => x.tile(list(sizes)),
  repeatInterleave: ([x, n], p) => x.repeatInterleave(n ?? num(p[0]), optional(p[p.length - 1])),
  tril: ([x], [k]) => x.tril(num(k)),
  triu: ([x], [k]) => x.triu(num(k)),
  diag: ([x], [k]) => x.diag(num(k)),
  diagEmbed: ([x], [offset, a, b]) => x.diagEmbed(num(offset), num(a), num(b)),
  pad: ([x], [amounts, mode, value]) =>
    x.pad(list(amounts), { mode: mode as hadal.PadMode, value: num(value) }),
  cat: (t, [d]) => hadal.cat(t, num(d)),
  stack: (t, [d]) => hadal.stack(t, num(d)),
  hstack: (t) => hadal.hstack(t),
  vstack: (t) => hadal.vstack(t),
  dstack: (t) => hadal.dstack(t),
  columnStack: (t) => hadal.columnStack(t),
  blockDiag: (t) => hadal.blockDiag(...t),
  meshgridPart: (t, [indexing, i]) => hadal.meshgrid(t, { indexing: indexing as 'ij' | 'xy' })[num(i)],
  cartesianProd: (t) => hadal.cartesianProd(...t),
  indexTensors: ([x, ...t], p) => x.index(...items(t, p)),
  indexSelect: ([x, index], [d]) => x.indexSelect(num(d), index),
  takeAlongDim: ([x, index], [d]) => x.takeAlongDim(index, num(d)),
  scatter: ([x, index, y], [d, n]) => x.scatter(num(d), index, y ?? num(n)),
  scatterAdd: ([x, index, y], [d]) => x.scatterAdd(num(d), index, y),
  indexAdd: ([x, index, y], [d, alpha]) => x.indexAdd(num(d), index, y, { alpha: num(alpha) }),
  indexCopy: ([x, index, y], [d]) => x.indexCopy(num(d), index, y),
  indexFill: ([x, index], [d, n]) => x.indexFill(num(d), index, num(n)),
  argsort: ([x], [d, down]) => x.argsort(num(d), { descending: down === true }),
  unique: ([x]) => x.unique().values,
  uniqueInverse: ([x]) => x.unique({ returnInverse: true }).inverse,
  uniqueCounts: ([x]) => x.unique({ returnCounts: true }).counts,
  uniqueConsecutive: ([x]) => x.uniqueConsecutive().values,
  diff: ([x], [n, d]) => x.diff(num(n), num(d)),
  dist: ([x, y], [p]) => x.dist(y, num(p)),
  quantile: ([x], [q, d, k]) => x.quantile(typeof q === 'number' ? q : list(q), optional(d), keep(k)),
  logcumsumexp: ([x], [d]) => x.logcumsumexp(num(d)),
  bincount: ([x, y], [n]) =>
    x.bincount(y === undefined ? { minlength: num(n) } : { weights: y, minlength: num(n) }),
  cov: ([x], [correction]) => x.cov({ correction: num(correction) }),
  corrcoef: ([x]) => x.corrcoef(),
  searchsorted: ([x, y], [right]) => hadal.searchsorted(x, y, { right: right === true }),
  bucketize: ([x, y], [right]) => hadal.bucketize(x, y, { right: right === true }),
  isin: ([x, y]) => hadal.isin(x, y),
  heaviside: ([x, y]) => x.heaviside(y),
  ldexp: ([x, y]) => x.ldexp(y),
  cross: ([x, y], [d]) => x.cross(y, num(d)),
  matrixPower: ([x], [n]) => x.matrixPower(num(n)),
  addmm: ([x, a, b], p) => x.addmm(a, b, weights(p)),
  baddbmm: ([x, a, b], p) => x.baddbmm(a, b, weights(p)),
  addmv: ([x, a, b], p) => x.addmv(a, b, weights(p)),
  addr: ([x, a, b], p) => x.addr(a, b, weights(p)),
  tensordot: ([x, y], [a, b]) => x.tensordot(y, typeof a === 'number' ? a : [list(a), list(b)]),
  einsum: (t, [equation]) => hadal.einsum(String(equation), ...t),
  eye: (_, [n, m]) => hadal.eye(num(n), optional(m)),
  linspace: (_, [a, b, n]) => hadal.linspace(num(a), num(b), num(n)),
  logspace: (_, [a, b, n, base]) => hadal.logspace(num(a), num(b), num(n), { base: num(base) }),
  arange: (_, [a, b, c, dtype]) =>
    hadal.arange(num(a), optional(b), optional(c), dtype === undefined ? {} : { dtype: dtype as DType }),
  trilIndices: (_, [r, c, k]) => hadal.trilIndices(num(r), num(c), num(k)),
  triuIndices: (_, [r, c, k]) => hadal.triuIndices(num(r), num(c), num(k)),

  clamp_: silent((t, p) => t[0].clamp_(...bounds(t, p))),
  lerp_: silent(([x, y], [w]) => x.lerp_(y, num(w))),
  addcmul_: silent(([x, a, b], [value]) => x.addcmul_(a, b, { value: num(value) })),
  addcdiv_: silent(([x, a, b], [value]) => x.addcdiv_(a, b, { value: num(value) })),
  pow_: silent((t, p) => t[0].pow_(other(t, p))),
  maskedFill_: silent(([x, mask], [n]) => x.maskedFill_(mask, numberOrBool(n))),
  scatter_: silent(([x, index, y], [d, n]) => x.scatter_(num(d), index, y ?? num(n))),
  scatterAdd_: silent(([x, index, y], [d]) => x.scatterAdd_(num(d), index, y)),
  indexAdd_: silent(([x, index, y], [d]) => x.indexAdd_(num(d), index, y)),
  indexFill_: silent(([x, index], [d, n]) => x.indexFill_(num(d), index, num(n))),
  setIndex_: put((x, value, at) => x.setIndex(value, ...at)),
  indexPut_: put((x, value, at) => x.indexPut_(at, value, { accumulate: true })),
};
