/** What the variables of a convolution by Winograd's algorithm stand for. */
import { numel } from '../base/shape.js';
import type { TemplateNode } from '../graph/template.js';
import { variableIndex } from '../kernel/index-expr.js';
import { unflatten } from './movement-index.js';
import type { ProductLayout } from './products.js';

export function isWinograd({ op, leaf }: TemplateNode): boolean {
  return leaf < 0 && op.name === 'winograd';
}

export function isWinogradGrad({ op, leaf }: TemplateNode): boolean {
  return leaf < 0 && op.name === 'winogradGrad';
}

/** Features by positions in a kernel for each group of tiles; what is summed is not among the variables. */
export function winogradGradLayout(nodes: readonly TemplateNode[], id: number): ProductLayout {
  const { shape, inputs } = nodes[id];
  const [groups, features, ...kernel] = shape;
  const [samples, , ...positions] = nodes[inputs[1]].shape;
  const n = numel(kernel);
  return {
    batch: [groups],
    m: features,
    n,
    k: numel(positions),
    outer: samples,
    domain: [variableIndex(0, groups), variableIndex(1, features), ...unflatten(kernel, variableIndex(2, n))],
    a: 1,
    inputs: [[], []],
  };
}

/** Features by positions for each sample; channels are the depth. Its operands are no expressions of variables. */
export function winogradLayout(nodes: readonly TemplateNode[], id: number): ProductLayout {
  const { shape, inputs } = nodes[id];
  const [samples, features, ...positions] = shape;
  const [, channels] = nodes[inputs[0]].shape;
  const n = numel(positions);
  return {
    batch: [samples],
    m: features,
    n,
    k: channels,
    outer: 1,
    domain: [
      variableIndex(0, samples),
      variableIndex(1, features),
      ...unflatten(positions, variableIndex(2, n)),
    ],
    a: 1,
    inputs: [[], []],
  };
}
