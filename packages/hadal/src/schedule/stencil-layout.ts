/** What a depthwise convolution or one of its gradients is on the stencil template, and where its dimensions lie in the template's variables. */
import { convDims } from '../base/attributes.js';
import { known } from '../base/errors.js';
import type { TemplateNode } from '../graph/template.js';
import type { IndexExpr } from '../kernel/index-expr.js';
import { addIndex, divIndex, modIndex, scaleIndex, variableIndex } from '../kernel/index-expr.js';
import { type Pair, type StencilShape, stencilOf, stencilVariables } from '../kernel/stencil/stencil.js';
import { denseOf } from '../kernel/stencil/stencil-dense.js';

export function stencilShape(nodes: readonly TemplateNode[], id: number): StencilShape {
  const { inputs, attributes, shape } = nodes[id];
  const [input, kernel] = inputs.map((i) => nodes[i].shape);
  const d = convDims(attributes);
  return known(stencilOf(input, kernel, d, shape) ?? denseOf(input, kernel, d, shape), 'a stencil');
}

/** Where things lie in a stencil's variables: as many dimensions of space as a node has. */
export class StencilPlaces {
  readonly sample: IndexExpr;
  readonly channel: IndexExpr;
  /** Of the channel that is a pair, `taps`: its feature, its channel in the group, and that channel among all of the image. */
  readonly feature: IndexExpr;
  readonly inGroup: IndexExpr;
  readonly imageChannel: IndexExpr;
  /** Of `mix`: a channel of the group, which is in variables of its own, and that channel among all of the image. */
  readonly mixed: IndexExpr;
  readonly mixedChannel: IndexExpr;
  readonly image: readonly IndexExpr[];
  readonly positions: readonly IndexExpr[];
  readonly taps: readonly IndexExpr[];

  constructor(s: StencilShape, rank: number) {
    const space = (variables: Pair, sizes: Pair): readonly IndexExpr[] =>
      variables.map((v, i) => variableIndex(v, sizes[i])).slice(2 - rank);
    this.sample = variableIndex(stencilVariables.sample, s.samples);
    this.channel = variableIndex(stencilVariables.channel, s.channels);
    const { groupChannels, groupFeatures } = s;
    this.feature = divIndex(this.channel, groupChannels);
    this.inGroup = modIndex(this.channel, groupChannels);
    const group = divIndex(this.channel, groupChannels * groupFeatures);
    this.imageChannel = addIndex(scaleIndex(group, groupChannels), this.inGroup);
    this.mixed = variableIndex(stencilVariables.inGroup, groupChannels);
    const groups = s.channels / groupFeatures;
    this.mixedChannel = addIndex(
      scaleIndex(variableIndex(stencilVariables.group, groups), groupChannels),
      this.mixed,
    );
    this.image = space(stencilVariables.image, s.image);
    this.positions = space(stencilVariables.positions, s.positions);
    this.taps = space(stencilVariables.taps, s.taps);
  }
}

/** The result's dimensions in the stencil's variables. */
export function stencilDomain(nodes: readonly TemplateNode[], id: number): readonly IndexExpr[] {
  const shape = stencilShape(nodes, id);
  const p = new StencilPlaces(shape, nodes[id].shape.length - 2);
  switch (shape.pass) {
    case 'slide':
    case 'mix':
    case 'dense':
      return [p.sample, p.channel, ...p.positions];
    case 'spread':
      return [p.sample, p.channel, ...p.image];
    case 'taps':
    case 'denseTaps':
      return [p.inGroup, p.feature, ...p.taps];
  }
}
