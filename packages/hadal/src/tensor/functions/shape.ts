/** Shapes, positions and products as functions, under the names of the methods. */
import type { PadMode } from '../arrangement.js';
import type { ProductWeights } from '../methods/products.js';
import type { Operand } from '../promotion.js';
import type { Tensor } from '../tensor.js';

type Dims = number | readonly number[];

export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  return x.reshape(shape);
}
export function flatten(x: Tensor, start = 0, end = -1): Tensor {
  return x.flatten(start, end);
}
export function ravel(x: Tensor): Tensor {
  return x.ravel();
}
export function unflatten(x: Tensor, dim: number, sizes: readonly number[]): Tensor {
  return x.unflatten(dim, sizes);
}
export function squeeze(x: Tensor, dim?: Dims): Tensor {
  return x.squeeze(dim);
}
export function unsqueeze(x: Tensor, dim: number): Tensor {
  return x.unsqueeze(dim);
}
export function permute(x: Tensor, order: readonly number[]): Tensor {
  return x.permute(order);
}
export function transpose(x: Tensor, a: number, b: number): Tensor {
  return x.transpose(a, b);
}
export function swapaxes(x: Tensor, a: number, b: number): Tensor {
  return x.swapaxes(a, b);
}
export function swapdims(x: Tensor, a: number, b: number): Tensor {
  return x.swapdims(a, b);
}
export function t(x: Tensor): Tensor {
  return x.t();
}
export function movedim(x: Tensor, source: Dims, destination: Dims): Tensor {
  return x.movedim(source, destination);
}
export function moveaxis(x: Tensor, source: Dims, destination: Dims): Tensor {
  return x.moveaxis(source, destination);
}
export function broadcastTo(x: Tensor, shape: readonly number[]): Tensor {
  return x.broadcastTo(shape);
}
export function narrow(x: Tensor, dim: number, start: number, length: number): Tensor {
  return x.narrow(dim, start, length);
}
export function select(x: Tensor, dim: number, index: number): Tensor {
  return x.select(dim, index);
}
export function split(x: Tensor, size: number | readonly number[], dim = 0): Tensor[] {
  return x.split(size, dim);
}
export function chunk(x: Tensor, count: number, dim = 0): Tensor[] {
  return x.chunk(count, dim);
}
export function tensorSplit(x: Tensor, count: number | readonly number[], dim = 0): Tensor[] {
  return x.tensorSplit(count, dim);
}
export function unbind(x: Tensor, dim = 0): Tensor[] {
  return x.unbind(dim);
}
export function diagonal(x: Tensor, offset = 0, dim1 = 0, dim2 = 1): Tensor {
  return x.diagonal(offset, dim1, dim2);
}
export function flip(x: Tensor, dims: Dims): Tensor {
  return x.flip(dims);
}
export function fliplr(x: Tensor): Tensor {
  return x.fliplr();
}
export function flipud(x: Tensor): Tensor {
  return x.flipud();
}
export function roll(x: Tensor, shifts: Dims, dims?: Dims): Tensor {
  return x.roll(shifts, dims);
}
export function rot90(x: Tensor, k = 1, dims: readonly [number, number] = [0, 1]): Tensor {
  return x.rot90(k, dims);
}
export function tile(x: Tensor, sizes: readonly number[]): Tensor {
  return x.tile(sizes);
}
export function repeatInterleave(x: Tensor, repeats: number | Tensor, dim?: number): Tensor {
  return x.repeatInterleave(repeats, dim);
}
export function tril(x: Tensor, diagonal = 0): Tensor {
  return x.tril(diagonal);
}
export function triu(x: Tensor, diagonal = 0): Tensor {
  return x.triu(diagonal);
}
export function diag(x: Tensor, diagonal = 0): Tensor {
  return x.diag(diagonal);
}
export function diagEmbed(x: Tensor, offset = 0, dim1 = -2, dim2 = -1): Tensor {
  return x.diagEmbed(offset, dim1, dim2);
}
export function diagflat(x: Tensor, offset = 0): Tensor {
  return x.diagflat(offset);
}
export function pad(
  x: Tensor,
  amounts: readonly number[],
  options: { readonly mode?: PadMode; readonly value?: number } = {},
): Tensor {
  return x.pad(amounts, options);
}
export function gather(x: Tensor, dim: number, index: Tensor): Tensor {
  return x.gather(dim, index);
}
export function take(x: Tensor, index: Tensor): Tensor {
  return x.take(index);
}
export function takeAlongDim(x: Tensor, index: Tensor, dim?: number): Tensor {
  return x.takeAlongDim(index, dim);
}
export function indexSelect(x: Tensor, dim: number, index: Tensor): Tensor {
  return x.indexSelect(dim, index);
}
export function scatter(x: Tensor, dim: number, index: Tensor, source: Tensor | number): Tensor {
  return x.scatter(dim, index, source);
}
export function scatterAdd(x: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
  return x.scatterAdd(dim, index, source);
}
export function indexAdd(
  x: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor,
  options: { readonly alpha?: number } = {},
): Tensor {
  return x.indexAdd(dim, index, source, options);
}
export function indexCopy(x: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
  return x.indexCopy(dim, index, source);
}
export function indexFill(x: Tensor, dim: number, index: Tensor, value: number): Tensor {
  return x.indexFill(dim, index, value);
}
export function maskedSelect(x: Tensor, mask: Tensor): Tensor {
  return x.maskedSelect(mask);
}
export function maskedFill(x: Tensor, mask: Tensor, value: Operand): Tensor {
  return x.maskedFill(mask, value);
}
export function nonzero(x: Tensor): Tensor {
  return x.nonzero();
}
export function argwhere(x: Tensor): Tensor {
  return x.argwhere();
}
export function nonzeroAsync(x: Tensor): Promise<Tensor> {
  return x.nonzeroAsync();
}
export function matmul(x: Tensor, other: Tensor): Tensor {
  return x.matmul(other);
}
export function mm(x: Tensor, other: Tensor): Tensor {
  return x.mm(other);
}
export function bmm(x: Tensor, other: Tensor): Tensor {
  return x.bmm(other);
}
export function mv(x: Tensor, other: Tensor): Tensor {
  return x.mv(other);
}
export function dot(x: Tensor, other: Tensor): Tensor {
  return x.dot(other);
}
export function vdot(x: Tensor, other: Tensor): Tensor {
  return x.vdot(other);
}
export function inner(x: Tensor, other: Tensor): Tensor {
  return x.inner(other);
}
export function outer(x: Tensor, other: Tensor): Tensor {
  return x.outer(other);
}
export function kron(x: Tensor, other: Tensor): Tensor {
  return x.kron(other);
}
export function tensordot(
  x: Tensor,
  other: Tensor,
  dims: number | readonly [readonly number[], readonly number[]] = 2,
): Tensor {
  return x.tensordot(other, dims);
}
export function trace(x: Tensor): Tensor {
  return x.trace();
}
export function addmm(x: Tensor, a: Tensor, b: Tensor, weights: ProductWeights = {}): Tensor {
  return x.addmm(a, b, weights);
}
export function baddbmm(x: Tensor, a: Tensor, b: Tensor, weights: ProductWeights = {}): Tensor {
  return x.baddbmm(a, b, weights);
}
export function addmv(x: Tensor, a: Tensor, b: Tensor, weights: ProductWeights = {}): Tensor {
  return x.addmv(a, b, weights);
}
export function addr(x: Tensor, a: Tensor, b: Tensor, weights: ProductWeights = {}): Tensor {
  return x.addr(a, b, weights);
}
export function cross(x: Tensor, other: Tensor, dim = -1): Tensor {
  return x.cross(other, dim);
}
export function matrixPower(x: Tensor, n: number): Tensor {
  return x.matrixPower(n);
}
