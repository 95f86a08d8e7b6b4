/** What losses have in common. */

import { ArgumentError, ShapeError } from '../../base/errors.js';
import { sameShape, showShape } from '../../base/shape.js';
import { checkTensor } from '../../tensor/given.js';
import type { Tensor } from '../../tensor/index.js';

export interface LossOptions {
  /** 'mean' (the default), 'sum', or 'none' for a loss per element. */
  readonly reduction?: 'mean' | 'sum' | 'none';
}

export function checkReduction(reduction: LossOptions['reduction']): 'mean' | 'sum' | 'none' {
  const given = reduction ?? 'mean';
  if (given === 'mean' || given === 'sum' || given === 'none') return given;
  throw new ArgumentError(`reduction: expected 'mean', 'sum' or 'none', got ${JSON.stringify(given)}`);
}

export function reduceLoss(loss: Tensor, reduction: LossOptions['reduction']): Tensor {
  switch (checkReduction(reduction)) {
    case 'mean':
      return loss.mean();
    case 'sum':
      return loss.sum();
    case 'none':
      return loss;
  }
}

/** A loss that compares element by element does not broadcast: [N] against [N, 1] would silently be all pairs. */
export function checkSameShape(name: string, input: Tensor, target: Tensor): void {
  checkTensor(name, 'the input', input);
  checkTensor(name, 'the target', target);
  if (sameShape(input.shape, target.shape)) return;
  throw new ShapeError(
    `${name}: input and target have one shape, got ${showShape(input.shape)} and ${showShape(target.shape)}; ` +
      'use reshape, squeeze or expand on one of them',
  );
}
