/** How a depthwise convolution or one of its gradients runs on the stencil template: where it reads and where its result is written. */
import { constantIndex, zeroIndex } from '../kernel/index-expr.js';
import type { StencilKernel } from '../kernel/l2.js';
import type { KernelCore } from './build.js';
import type { KernelReader } from './kernel-reader.js';
import { resultStores } from './result-stores.js';
import { StencilPlaces, stencilShape } from './stencil-layout.js';

export function stencilKernel(reader: KernelReader, writes: readonly number[]): KernelCore<StencilKernel> {
  const { nodes } = reader;
  const id = reader.variables.core;
  const shape = stencilShape(nodes, id);
  const rank = nodes[id].shape.length - 2;
  const p = new StencilPlaces(shape, rank);
  const [input, kernel] = nodes[id].inputs;
  if (shape.pass === 'taps' || shape.pass === 'denseTaps') {
    const x = reader.read(input, [p.imageChannel, p.sample, ...p.image]);
    const y = reader.read(kernel, [p.feature, p.sample, ...p.positions]);
    return { kind: 'stencil', ...shape, x, y, weights: [], stores: resultStores(reader, writes) };
  }
  const isSpread = shape.pass === 'spread';
  const isMix = shape.pass === 'mix' || shape.pass === 'dense';
  const channel = isMix ? p.mixedChannel : p.channel;
  const x = reader.read(input, [p.sample, channel, ...(isSpread ? p.positions : p.image)]);
  const [rows, columns] = shape.taps;
  const weights = Array.from({ length: rows * columns }, (_, tap) => {
    const at = [Math.floor(tap / columns), tap % columns];
    // A gradient's kernel is the filter turned around.
    const turned = at.map((t, i) => (isSpread ? shape.taps[i] - 1 - t : t));
    return reader.read(kernel, [
      p.channel,
      isMix ? p.mixed : zeroIndex,
      ...turned.slice(2 - rank).map(constantIndex),
    ]);
  });
  return { kind: 'stencil', ...shape, x, y: -1, weights, stores: resultStores(reader, writes) };
}
