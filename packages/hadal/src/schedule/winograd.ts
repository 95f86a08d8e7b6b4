/** The kernel of a convolution by Winograd's algorithm: the arrays that it reads whole, and what it writes. */
import { winogradDims } from '../base/attributes.js';
import { zeroIndex } from '../kernel/index-expr.js';
import type { WinogradGradKernel, WinogradKernel } from '../kernel/l2.js';
import type { KernelCore } from './build.js';
import type { KernelReader } from './kernel-reader.js';
import { resultStores } from './result-stores.js';

/** Slots of arrays that are read while results are written. */
function wholeArrays(reader: KernelReader, ids: readonly number[]): readonly number[] {
  return ids.map((id) => {
    reader.loads.push({ node: id, index: zeroIndex });
    return reader.slot(id, 'read');
  });
}

export function winogradKernel(reader: KernelReader, writes: readonly number[]): KernelCore<WinogradKernel> {
  const node = reader.nodes[reader.variables.core];
  const [image, weights] = wholeArrays(reader, node.inputs);
  const [, channels, height, width] = reader.nodes[node.inputs[0]].shape;
  const [samples, features, rows, columns] = node.shape;
  const stores = resultStores(reader, writes);
  const { low, isTurned } = winogradDims(node.attributes);
  const sizes = { samples, features, channels, height, width, rows, columns };
  return { kind: 'winograd', ...sizes, low, isTurned, image, weights, stores };
}

export function winogradGradKernel(
  reader: KernelReader,
  writes: readonly number[],
): KernelCore<WinogradGradKernel> {
  const node = reader.nodes[reader.variables.core];
  const [image, gradient] = wholeArrays(reader, node.inputs);
  const [samples, channels, height, width] = reader.nodes[node.inputs[0]].shape;
  const [, features, rows, columns] = reader.nodes[node.inputs[1]].shape;
  const stores = resultStores(reader, writes);
  const { low } = winogradDims(node.attributes);
  const [groups] = node.shape;
  const sizes = { groups, samples, features, channels, height, width, rows, columns };
  return { kind: 'winogradGrad', ...sizes, low, image, gradient, stores };
}
