/** Adadelta. */
import type { Value } from '../autograd/value.js';
import { ArgumentError } from '../base/errors.js';
import type { Tensor } from '../tensor/index.js';
import type { InitialState, Updates } from './optimizer.js';
import { checkNumber, Optimizer } from './optimizer.js';
import type { OptimizedParameters, Settings } from './param-group.js';
import type { Scalars, UpdateRule } from './update-rule.js';

export interface AdadeltaSettings extends Settings {
  /** Share of the running squares that is kept; 0.9 if not given. */
  rho: number;
  /** Added to the running squares before their roots are taken; 1e-6 if not given. */
  eps: number;
  /** L2 penalty. */
  weightDecay: number;
  /** Climb instead of descend. */
  maximize: boolean;
}

export type AdadeltaOptions = Partial<AdadeltaSettings>;

/**
 * Steps in the units of the weights, from their own running square: Zeiler 2012, as PyTorch computes it. The learning rate is 1 if not given.
 *
 * @example
 * ```ts
 * import { nn, optim } from 'hadal';
 * console.log(new optim.Adadelta(new nn.Linear(2, 1).parameters()).lr); // 1
 * ```
 */
export class Adadelta extends Optimizer<AdadeltaSettings> {
  constructor(parameters: OptimizedParameters<AdadeltaSettings>, options: AdadeltaOptions = {}) {
    super(
      parameters,
      {
        lr: 1,
        rho: 0.9,
        eps: 1e-6,
        weightDecay: 0,
        maximize: false,
      },
      options,
    );
  }

  override get type(): string {
    return 'Adadelta';
  }

  protected override check(s: AdadeltaSettings): void {
    if (checkNumber('rho', s.rho, 0) > 1)
      throw new ArgumentError(`optimizer: rho is a number from 0 to 1, got ${s.rho}`);
    for (const name of ['eps', 'weightDecay'] as const) checkNumber(name, s[name], 0);
  }

  protected override initialState(): InitialState {
    return { square: 0, stepSquare: 0 };
  }

  protected override scalars({ lr, rho, eps, weightDecay }: AdadeltaSettings): Scalars {
    return { lr, rho, fresh: 1 - rho, eps, weightDecay };
  }

  protected override update(
    rule: UpdateRule,
    p: Tensor,
    value: Value,
    grad: Value,
    s: AdadeltaSettings,
  ): Updates {
    const g = rule.slope(value, grad, s);
    const [squareState, stepState] = [this.state(p, 'square', s), this.state(p, 'stepSquare', s)];
    const [square, past] = [rule.plain(squareState), rule.plain(stepState)];
    const nextSquare = rule.add(rule.mul(square, 'rho'), rule.mul(rule.mul(g, g), 'fresh'));
    const scale = rule.div(rule.sqrt(rule.add(past, 'eps')), rule.sqrt(rule.add(nextSquare, 'eps')));
    const step = rule.mul(scale, g);
    const nextPast = rule.add(rule.mul(past, 'rho'), rule.mul(rule.mul(step, step), 'fresh'));
    return [
      [p, rule.sub(value, rule.mul(step, 'lr'))],
      [squareState, nextSquare],
      [stepState, nextPast],
    ];
  }
}
