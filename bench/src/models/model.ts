/** A model of the train and inference suites: what it is on hadal, and all that a peer must know to be the same. */
import { functional as F, fromTypedArray, type nn, noGrad, optim, type Tensor } from 'hadal';
import type { ParameterSpec, ValuesSpec } from '../peer/peer.js';
import { classNumbers, inputSeed, uniformValues } from '../values.js';

export type OptimizerSpec =
  | { readonly kind: 'sgd'; readonly lr: number; readonly momentum: number }
  | {
      readonly kind: 'adam' | 'adamw';
      readonly lr: number;
      readonly betas: readonly [number, number];
      readonly eps: number;
      readonly weightDecay: number;
    };

export interface Model {
  readonly name: string;
  readonly input: ValuesSpec;
  readonly target: ValuesSpec & { readonly classes: number };
  readonly optimizer: OptimizerSpec;
  /** Floating-point operations of a forward pass over one element of the batch, products and convolutions only. */
  readonly forwardFlops: number;
  /** The same of a training step: gradients that nothing needs are left out. */
  readonly trainFlops: number;
  /** With scores of every class, a row an element of the target. */
  make(): nn.Module;
}

/** AdamW and Adam with PyTorch's defaults. */
export function adam(kind: 'adam' | 'adamw', lr = 1e-3): OptimizerSpec {
  return { kind, lr, betas: [0.9, 0.999], eps: 1e-8, weightDecay: kind === 'adamw' ? 0.01 : 0 };
}

export function makeOptimizer(spec: OptimizerSpec, net: nn.Module): optim.Optimizer {
  const { lr } = spec;
  switch (spec.kind) {
    case 'sgd':
      return new optim.SGD(net.parameters(), { lr, momentum: spec.momentum });
    case 'adam':
      return new optim.Adam(net.parameters(), { lr });
    case 'adamw':
      return new optim.AdamW(net.parameters(), { lr, weightDecay: spec.weightDecay });
  }
}

/** Weights within 1 / sqrt(fan in), biases like the weights before them, scales of a normalisation about 1. */
export function parameterSpecs(net: nn.Module): ParameterSpec[] {
  let fan = 1;
  return [...net.namedParameters()].map(([name, p]) => {
    const isScale = p.ndim === 1 && name.endsWith('weight');
    if (p.ndim > 1) fan = p.numel() / p.shape[0];
    return { shape: [...p.shape], scale: isScale ? 0.1 : 1 / Math.sqrt(fan), offset: isScale ? 1 : 0 };
  });
}

/** Gives a net the first values that all peers begin with. */
export function setParameters(net: nn.Module): void {
  const specs = parameterSpecs(net);
  noGrad(() => {
    [...net.parameters()].forEach((p, i) => {
      const { scale, offset } = specs[i];
      const values = uniformValues(inputSeed(0, 0, 10 + i), p.numel(), scale);
      p.copy_(fromTypedArray(offset === 0 ? values : values.map((x) => x + offset), p.shape));
    });
  });
}

export interface Batch {
  readonly x: Tensor;
  readonly y: Tensor;
}

function makeValues({ shape, classes }: ValuesSpec, seed: number): Tensor {
  const count = shape.reduce((n, d) => n * d, 1);
  const values = classes === undefined ? uniformValues(seed, count) : classNumbers(seed, count, classes);
  return fromTypedArray(values, shape);
}

export function makeInput(model: Pick<Model, 'input'>, round: number, repetition: number): Tensor {
  return makeValues(model.input, inputSeed(round, repetition, 0));
}

export function makeBatch(model: Model, round: number, repetition: number): Batch {
  return {
    x: makeInput(model, round, repetition),
    y: makeValues(model.target, inputSeed(round, repetition, 1)),
  };
}

/** One step for each batch; its loss is added to `losses`. */
export function trainOn(
  net: nn.Module,
  optimizer: optim.Optimizer,
  batches: readonly Batch[],
  losses: Tensor[],
): void {
  for (const { x, y } of batches) {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(net.forward(x), y);
    loss.backward();
    optimizer.step();
    losses.push(loss);
  }
}
