/** Optimizers by name. */
import { ArgumentError } from '../base/errors.js';
import {
  Adadelta,
  Adagrad,
  Adam,
  Adamax,
  AdamW,
  Lion,
  NAdam,
  Optimizer,
  RMSprop,
  SGD,
} from '../optim/index.js';
import type { Tensor } from '../tensor/index.js';

interface Settings {
  readonly lr?: number;
}

const optimizers = {
  adamw: (parameters, settings) => new AdamW(parameters, settings),
  adam: (parameters, settings) => new Adam(parameters, settings),
  adagrad: (parameters, settings) => new Adagrad(parameters, settings),
  adadelta: (parameters, settings) => new Adadelta(parameters, settings),
  adamax: (parameters, settings) => new Adamax(parameters, settings),
  lion: (parameters, settings) => new Lion(parameters, settings),
  nadam: (parameters, settings) => new NAdam(parameters, settings),
  rmsprop: (parameters, settings) => new RMSprop(parameters, settings),
  sgd: (parameters, settings) => new SGD(parameters, settings),
} satisfies Record<string, (parameters: Iterable<Tensor>, settings: Settings) => Optimizer>;

export type OptimizerName = keyof typeof optimizers;

/** An optimizer, the name of one, or a function that makes one. */
export type OptimizerSpec = Optimizer | OptimizerName | ((parameters: Iterable<Tensor>) => Optimizer);

/** @throws ArgumentError for a name that is not known, or `lr` with an optimizer that has one of its own. */
export function makeOptimizer(
  spec: OptimizerSpec,
  parameters: Iterable<Tensor>,
  lr: number | undefined,
): Optimizer {
  if (typeof spec === 'string') {
    if (!Object.hasOwn(optimizers, spec)) {
      throw new ArgumentError(
        `optimizer: none is called '${spec}'; there are ${Object.keys(optimizers).join(', ')}, or pass an optimizer`,
      );
    }
    return optimizers[spec](parameters, lr === undefined ? {} : { lr });
  }
  if (lr !== undefined) {
    throw new ArgumentError('fit: `lr` goes with an optimizer by name; this one has a learning rate already');
  }
  if (typeof spec === 'function' && spec.prototype instanceof Optimizer)
    throw new ArgumentError(
      `optimizer: expected an optimizer and not its class; pass new optim.${spec.name}(model.parameters(), { ... })`,
    );
  const optimizer = typeof spec === 'function' ? spec(parameters) : spec;
  if (!(optimizer instanceof Optimizer))
    throw new ArgumentError(`optimizer: expected an optimizer, its name or a function, got ${typeof spec}`);
  return optimizer;
}
