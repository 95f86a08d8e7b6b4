/** Adam with decoupled weight decay. */
import type { Value } from '../autograd/value.js';
import type { Tensor } from '../tensor/index.js';
import type { Scalars, UpdateRule } from './optimizer.js';
import { checkNumber, Optimizer } from './optimizer.js';

export interface AdamWOptions {
  /** Learning rate; 0.001 if not given. */
  readonly lr?: number;
  /** Decay of the running mean and of the running square; [0.9, 0.999] if not given. */
  readonly betas?: readonly [number, number];
  readonly eps?: number;
  /** Share of each weight taken off a step, times lr; 0.01 if not given. */
  readonly weightDecay?: number;
}

/**
 * Loshchilov and Hutter 2019, algorithm 2, as PyTorch computes it.
 *
 * @example
 * ```ts
 * import { nn, optim } from 'hadal';
 * const opt = new optim.AdamW(new nn.Linear(2, 1).parameters(), { lr: 1e-3 });
 * console.log(opt.lr); // 0.001
 * ```
 */
export class AdamW extends Optimizer {
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;

  constructor(parameters: Iterable<Tensor>, options: AdamWOptions = {}) {
    super(parameters, options.lr ?? 1e-3);
    const [b1, b2] = options.betas ?? [0.9, 0.999];
    this.betas = [checkNumber('betas[0]', b1, 0, 1), checkNumber('betas[1]', b2, 0, 1)];
    this.eps = checkNumber('eps', options.eps ?? 1e-8, 0);
    this.weightDecay = checkNumber('weightDecay', options.weightDecay ?? 1e-2, 0);
    this.prepare(['mean', 'square']);
  }

  protected override scalars(step: number): Scalars {
    const [b1, b2] = this.betas;
    return {
      keep: 1 - this.lr * this.weightDecay,
      newMean: 1 - b1,
      oldSquare: b2,
      newSquare: 1 - b2,
      rate: this.lr / (1 - b1 ** step),
      rootCorrection: Math.sqrt(1 - b2 ** step),
      eps: this.eps,
    };
  }

  protected override update(
    rule: UpdateRule,
    p: Tensor,
    value: Value,
    grad: Value,
  ): readonly (readonly [Tensor, Value])[] {
    const [meanState, squareState] = [this.state(p, 'mean'), this.state(p, 'square')];
    const m = rule.plain(meanState);
    const mean = rule.add(m, rule.mul(rule.sub(grad, m), 'newMean'));
    const square = rule.add(
      rule.mul(rule.plain(squareState), 'oldSquare'),
      rule.mul(rule.mul(grad, grad), 'newSquare'),
    );
    const spread = rule.add(rule.div(rule.sqrt(square), 'rootCorrection'), rule.scalar('eps'));
    const next = rule.sub(rule.mul(value, 'keep'), rule.mul(rule.div(mean, spread), 'rate'));
    return [
      [p, next],
      [meanState, mean],
      [squareState, square],
    ];
  }
}
