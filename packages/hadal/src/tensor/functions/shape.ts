/** Shapes, positions and products as functions, under the names of the methods. */
import type { PadMode } from '../arrangement.js';
import { tensorOf } from '../given.js';
import type { ProductWeights } from '../methods/products.js';
import type { Operand } from '../promotion.js';
import type { Tensor } from '../tensor.js';

type Dims = number | readonly number[];

export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  return tensorOf('reshape', x).reshape(shape);
}
export function flatten(x: Tensor, start = 0, end = -1): Tensor {
  return tensorOf('flatten', x).flatten(start, end);
}
export function ravel(x: Tensor): Tensor {
  return tensorOf('ravel', x).ravel();
}
export function unflatten(x: Tensor, dim: number, sizes: readonly number[]): Tensor {
  return tensorOf('unflatten', x).unflatten(dim, sizes);
}
export function squeeze(x: Tensor, dim?: Dims): Tensor {
  return tensorOf('squeeze', x).squeeze(dim);
}
export function unsqueeze(x: Tensor, dim: number): Tensor {
  return tensorOf('unsqueeze', x).unsqueeze(dim);
}
export function permute(x: Tensor, order: readonly number[]): Tensor {
  return tensorOf('permute', x).permute(order);
}
export function transpose(x: Tensor, a: number, b: number): Tensor {
  return tensorOf('transpose', x).transpose(a, b);
}
export function swapaxes(x: Tensor, a: number, b: number): Tensor {
  return tensorOf('swapaxes', x).swapaxes(a, b);
}
export function swapdims(x: Tensor, a: number, b: number): Tensor {
  return tensorOf('swapdims', x).swapdims(a, b);
}
export function t(x: Tensor): Tensor {
  return tensorOf('t', x).t();
}
export function movedim(x: Tensor, source: Dims, destination: Dims): Tensor {
  return tensorOf('movedim', x).movedim(source, destination);
}
export function moveaxis(x: Tensor, source: Dims, destination: Dims): Tensor {
  return tensorOf('moveaxis', x).moveaxis(source, destination);
}
export function broadcastTo(x: Tensor, shape: readonly number[]): Tensor {
  return tensorOf('broadcastTo', x).broadcastTo(shape);
}
export function narrow(x: Tensor, dim: number, start: number, length: number): Tensor {
  return tensorOf('narrow', x).narrow(dim, start, length);
}
export function select(x: Tensor, dim: number, index: number): Tensor {
  return tensorOf('select', x).select(dim, index);
}
export function split(x: Tensor, size: number | readonly number[], dim = 0): Tensor[] {
  return tensorOf('split', x).split(size, dim);
}
export function chunk(x: Tensor, count: number, dim = 0): Tensor[] {
  return tensorOf('chunk', x).chunk(count, dim);
}
export function tensorSplit(x: Tensor, count: number | readonly number[], dim = 0): Tensor[] {
  return tensorOf('tensorSplit', x).tensorSplit(count, dim);
}
export function unbind(x: Tensor, dim = 0): Tensor[] {
  return tensorOf('unbind', x).unbind(dim);
}
export function diagonal(x: Tensor, offset = 0, dim1 = 0, dim2 = 1): Tensor {
  return tensorOf('diagonal', x).diagonal(offset, dim1, dim2);
}
export function flip(x: Tensor, dims: Dims): Tensor {
  return tensorOf('flip', x).flip(dims);
}
export function fliplr(x: Tensor): Tensor {
  return tensorOf('fliplr', x).fliplr();
}
export function flipud(x: Tensor): Tensor {
  return tensorOf('flipud', x).flipud();
}
export function roll(x: Tensor, shifts: Dims, dims?: Dims): Tensor {
  return tensorOf('roll', x).roll(shifts, dims);
}
export function rot90(x: Tensor, k = 1, dims: readonly [number, number] = [0, 1]): Tensor {
  return tensorOf('rot90', x).rot90(k, dims);
}
export function tile(x: Tensor, sizes: readonly number[]): Tensor {
  return tensorOf('tile', x).tile(sizes);
}
export function repeatInterleave(x: Tensor, repeats: number | Tensor, dim?: number): Tensor {
  return tensorOf('repeatInterleave', x).repeatInterleave(repeats, dim);
}
export function tril(x: Tensor, diagonal = 0): Tensor {
  return tensorOf('tril', x).tril(diagonal);
}
export function triu(x: Tensor, diagonal = 0): Tensor {
  return tensorOf('triu', x).triu(diagonal);
}
export function diag(x: Tensor, diagonal = 0): Tensor {
  return tensorOf('diag', x).diag(diagonal);
}
export function diagEmbed(x: Tensor, offset = 0, dim1 = -2, dim2 = -1): Tensor {
  return tensorOf('diagEmbed', x).diagEmbed(offset, dim1, dim2);
}
export function diagflat(x: Tensor, offset = 0): Tensor {
  return tensorOf('diagflat', x).diagflat(offset);
}
export function pad(
  x: Tensor,
  amounts: readonly number[],
  options: { readonly mode?: PadMode; readonly value?: number } = {},
): Tensor {
  return tensorOf('pad', x).pad(amounts, options);
}
export function gather(x: Tensor, dim: number, index: Tensor): Tensor {
  return tensorOf('gather', x).gather(dim, index);
}
export function take(x: Tensor, index: Tensor): Tensor {
  return tensorOf('take', x).take(index);
}
export function takeAlongDim(x: Tensor, index: Tensor, dim?: number): Tensor {
  return tensorOf('takeAlongDim', x).takeAlongDim(index, dim);
}
export function indexSelect(x: Tensor, dim: number, index: Tensor): Tensor {
  return tensorOf('indexSelect', x).indexSelect(dim, index);
}
export function scatter(x: Tensor, dim: number, index: Tensor, source: Tensor | number): Tensor {
  return tensorOf('scatter', x).scatter(dim, index, source);
}
export function scatterAdd(x: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
  return tensorOf('scatterAdd', x).scatterAdd(dim, index, source);
}
export function indexAdd(
  x: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor,
  options: { readonly alpha?: number } = {},
): Tensor {
  return tensorOf('indexAdd', x).indexAdd(dim, index, source, options);
}
export function indexCopy(x: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
  return tensorOf('indexCopy', x).indexCopy(dim, index, source);
}
export function indexFill(x: Tensor, dim: number, index: Tensor, value: number): Tensor {
  return tensorOf('indexFill', x).indexFill(dim, index, value);
}
export function maskedSelect(x: Tensor, mask: Tensor): Tensor {
  return tensorOf('maskedSelect', x).maskedSelect(mask);
}
export function maskedFill(x: Tensor, mask: Tensor, value: Operand): Tensor {
  return tensorOf('maskedFill', x).maskedFill(mask, value);
}
export function nonzero(x: Tensor): Tensor {
  return tensorOf('nonzero', x).nonzero();
}
export function argwhere(x: Tensor): Tensor {
  return tensorOf('argwhere', x).argwhere();
}
export function nonzeroAsync(x: Tensor): Promise<Tensor> {
  return tensorOf('nonzeroAsync', x).nonzeroAsync();
}
export function matmul(x: Tensor, other: Tensor): Tensor {
  return tensorOf('matmul', x).matmul(other);
}
export function mm(x: Tensor, other: Tensor): Tensor {
  return tensorOf('mm', x).mm(other);
}
export function bmm(x: Tensor, other: Tensor): Tensor {
  return tensorOf('bmm', x).bmm(other);
}
export function mv(x: Tensor, other: Tensor): Tensor {
  return tensorOf('mv', x).mv(other);
}
export function dot(x: Tensor, other: Tensor): Tensor {
  return tensorOf('dot', x).dot(other);
}
export function vdot(x: Tensor, other: Tensor): Tensor {
  return tensorOf('vdot', x).vdot(other);
}
export function inner(x: Tensor, other: Tensor): Tensor {
  return tensorOf('inner', x).inner(other);
}
export function outer(x: Tensor, other: Tensor): Tensor {
  return tensorOf('outer', x).outer(other);
}
export function kron(x: Tensor, other: Tensor): Tensor {
  return tensorOf('kron', x).kron(other);
}
export function tensordot(
  x: Tensor,
  other: Tensor,
  dims: number | readonly [readonly number[], readonly number[]] = 2,
): Tensor {
  return tensorOf('tensordot', x).tensordot(other, dims);
}
export function trace(x: Tensor): Tensor {
  return tensorOf('trace', x).trace();
}
export function addmm(x: Tensor, a: Tensor, b: Tensor, weights: ProductWeights = {}): Tensor {
  return tensorOf('addmm', x).addmm(a, b, weights);
}
export function baddbmm(x: Tensor, a: Tensor, b: Tensor, weights: ProductWeights = {}): Tensor {
  return tensorOf('baddbmm', x).baddbmm(a, b, weights);
}
export function addmv(x: Tensor, a: Tensor, b: Tensor, weights: ProductWeights = {}): Tensor {
  return tensorOf('addmv', x).addmv(a, b, weights);
}
export function addr(x: Tensor, a: Tensor, b: Tensor, weights: ProductWeights = {}): Tensor {
  return tensorOf('addr', x).addr(a, b, weights);
}
export function cross(x: Tensor, other: Tensor, dim = -1): Tensor {
  return tensorOf('cross', x).cross(other, dim);
}
export function matrixPower(x: Tensor, n: number): Tensor {
  return tensorOf('matrixPower', x).matrixPower(n);
}
