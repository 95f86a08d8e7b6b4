/** How a depthwise convolution or one of its gradients runs on the stencil template: where it reads and where its result is written. */
import { convDims } from '../base/attributes.js';
import { known } from '../base/errors.js';
import type { TemplateNode } from '../graph/template.js';
import type { IndexExpr } from '../kernel/index-expr.js';
import { constantIndex, variableIndex, zeroIndex } from '../kernel/index-expr.js';
import type { StencilKernel } from '../kernel/l2.js';
import { type Pair, type StencilShape, stencilOf, stencilVariables } from '../kernel/stencil.js';
import type { KernelCore } from './build.js';
import type { KernelReader } from './kernel-reader.js';
import { resultStores } from './result-stores.js';

export function stencilShape(nodes: readonly TemplateNode[], id: number): StencilShape {
  const { inputs, attributes, shape } = nodes[id];
  const [input, kernel] = inputs.map((i) => nodes[i].shape);
  return known(stencilOf(input, kernel, convDims(attributes), shape), 'a stencil');
}

/** Where things lie in a stencil's variables: as many dimensions of space as a node has. */
class Places {
  readonly sample: IndexExpr;
  readonly channel: IndexExpr;
  readonly image: readonly IndexExpr[];
  readonly positions: readonly IndexExpr[];
  readonly taps: readonly IndexExpr[];

  constructor(s: StencilShape, rank: number) {
    const space = (variables: Pair, sizes: Pair): readonly IndexExpr[] =>
      variables.map((v, i) => variableIndex(v, sizes[i])).slice(2 - rank);
    this.sample = variableIndex(stencilVariables.sample, s.samples);
    this.channel = variableIndex(stencilVariables.channel, s.channels);
    this.image = space(stencilVariables.image, s.image);
    this.positions = space(stencilVariables.positions, s.positions);
    this.taps = space(stencilVariables.taps, s.taps);
  }
}

/** The result's dimensions in the stencil's variables. */
export function stencilDomain(nodes: readonly TemplateNode[], id: number): readonly IndexExpr[] {
  const shape = stencilShape(nodes, id);
  const p = new Places(shape, nodes[id].shape.length - 2);
  switch (shape.pass) {
    case 'slide':
      return [p.sample, p.channel, ...p.positions];
    case 'spread':
      return [p.sample, p.channel, ...p.image];
    case 'taps':
      return [zeroIndex, p.channel, ...p.taps];
  }
}

export function stencilKernel(reader: KernelReader, writes: readonly number[]): KernelCore<StencilKernel> {
  const { nodes } = reader;
  const id = reader.variables.core;
  const shape = stencilShape(nodes, id);
  const rank = nodes[id].shape.length - 2;
  const p = new Places(shape, rank);
  const [input, kernel] = nodes[id].inputs;
  if (shape.pass === 'taps') {
    const x = reader.read(input, [p.channel, p.sample, ...p.image]);
    const y = reader.read(kernel, [p.channel, p.sample, ...p.positions]);
    return { kind: 'stencil', ...shape, x, y, weights: [], stores: resultStores(reader, writes) };
  }
  const isSpread = shape.pass === 'spread';
  const x = reader.read(input, [p.sample, p.channel, ...(isSpread ? p.positions : p.image)]);
  const [rows, columns] = shape.taps;
  const weights = Array.from({ length: rows * columns }, (_, tap) => {
    const at = [Math.floor(tap / columns), tap % columns];
    // A gradient's kernel is the filter turned around.
    const turned = at.map((t, i) => (isSpread ? shape.taps[i] - 1 - t : t));
    return reader.read(kernel, [p.channel, zeroIndex, ...turned.slice(2 - rank).map(constantIndex)]);
  });
  return { kind: 'stencil', ...shape, x, y: -1, weights, stores: resultStores(reader, writes) };
}
