/** Losses by name. */
import { ArgumentError, ShapeError } from '../base/errors.js';
import { showShape } from '../base/shape.js';
import {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  crossEntropy,
  nllLoss,
} from '../nn/functional/classification-loss.js';
import { huberLoss, l1Loss, mseLoss, smoothL1Loss } from '../nn/functional/regression-loss.js';
import { Module } from '../nn/module.js';
import { Tensor } from '../tensor/index.js';
import { aligned } from './metrics/decisions.js';

/** The mean loss of a batch, a tensor of one element. */
export type LossFunction<Output = Tensor, Target = Tensor> = (output: Output, target: Target) => Tensor;

/** [N, 1] and [N] would broadcast to [N, N]; element by element they are meant to be one shape and one dtype. */
function elementwise(name: string, loss: LossFunction): LossFunction {
  return (output, target) => {
    const [a, b] = aligned(name, output, target);
    return loss(a, b.to(a.dtype));
  };
}

const losses = {
  crossEntropy: (output, target) => crossEntropy(output, target),
  nll: (output, target) => nllLoss(output, target),
  binaryCrossEntropy: elementwise('binaryCrossEntropy', (a, b) => binaryCrossEntropy(a, b)),
  binaryCrossEntropyWithLogits: elementwise('binaryCrossEntropyWithLogits', (a, b) =>
    binaryCrossEntropyWithLogits(a, b),
  ),
  mse: elementwise('mse', (a, b) => mseLoss(a, b)),
  mae: elementwise('mae', (a, b) => l1Loss(a, b)),
  huber: elementwise('huber', (a, b) => huberLoss(a, b)),
  smoothL1: elementwise('smoothL1', (a, b) => smoothL1Loss(a, b)),
} satisfies Record<string, LossFunction>;

export type LossName = keyof typeof losses;

export type LossSpec<Output = Tensor, Target = Tensor> = LossName | LossFunction<Output, Target>;

/** @throws ArgumentError for a name that is not known. */
export function makeLoss<Output, Target>(spec: LossSpec<Output, Target>): LossFunction<Output, Target> {
  if (typeof spec === 'function') return checked(spec);
  if (typeof spec !== 'string' || !Object.hasOwn(losses, spec)) {
    const given =
      typeof spec === 'string'
        ? `no loss is called '${spec}'`
        : `expected a name or a function, got ${showSpec(spec)}`;
    throw new ArgumentError(
      `loss: ${given}; there are ${Object.keys(losses).join(', ')}, or pass a function`,
    );
  }
  // Names are of losses on tensors; a model with other outputs gets their error for what is no tensor.
  return checked(losses[spec] as unknown as LossFunction<Output, Target>);
}

function showSpec(spec: unknown): string {
  if (spec instanceof Module)
    return 'a module, of which pass (output, target) => loss.forward(output, target)';
  return spec === undefined ? 'nothing' : spec === null ? 'null' : typeof spec;
}

function checked<Output, Target>(loss: LossFunction<Output, Target>): LossFunction<Output, Target> {
  return (output, target) => {
    const value = loss(output, target);
    if (!(value instanceof Tensor)) {
      throw new ArgumentError(`loss: the function must give a tensor of one element, got ${typeof value}`);
    }
    if (value.numel() !== 1) {
      throw new ShapeError(
        `loss: the function must give one element, the batch's mean, got shape ${showShape(value.shape)}; call .mean() on it`,
      );
    }
    return value;
  };
}

/** What an output has to be above to mean yes: 0 where the loss takes logits. */
export function thresholdOf(spec: unknown): number {
  return spec === 'binaryCrossEntropyWithLogits' ? 0 : 0.5;
}
