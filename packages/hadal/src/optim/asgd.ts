/** ASGD. */
import type { Value } from '../autograd/value.js';
import type { Tensor } from '../tensor/index.js';
import type { InitialState, Updates } from './optimizer.js';
import { checkNumber, Optimizer } from './optimizer.js';
import type { OptimizedParameters, Settings } from './param-group.js';
import type { Scalars, UpdateRule } from './update-rule.js';

export interface ASGDSettings extends Settings {
  /** Share of each weight taken off a step, times the rate; 1e-4 if not given. */
  lambd: number;
  /** The rate of step t is lr / (1 + lambd lr (t - 1))^alpha; 0.75 if not given. */
  alpha: number;
  /** The step after which the average begins; 1e6 if not given. */
  t0: number;
  /** L2 penalty. */
  weightDecay: number;
  /** Climb instead of descend. */
  maximize: boolean;
}

export type ASGDOptions = Partial<ASGDSettings>;

/**
 * Gradient descent that keeps the average of the weights, as state 'average': Polyak and Juditsky 1992, as PyTorch computes it. The learning
 * rate is 0.01 if not given.
 *
 * @example
 * ```ts
 * import { nn, optim } from 'hadal';
 * const opt = new optim.ASGD(new nn.Linear(2, 1).parameters(), { t0: 100 });
 * console.log([...opt.stateDict().tensors.keys()].join(' ')); // 0.average 1.average
 * ```
 */
export class ASGD extends Optimizer<ASGDSettings> {
  constructor(parameters: OptimizedParameters<ASGDSettings>, options: ASGDOptions = {}) {
    super(
      parameters,
      {
        lr: 1e-2,
        lambd: 1e-4,
        alpha: 0.75,
        t0: 1e6,
        weightDecay: 0,
        maximize: false,
      },
      options,
    );
  }

  override get type(): string {
    return 'ASGD';
  }

  protected override check(s: ASGDSettings): void {
    for (const name of ['lambd', 'alpha', 't0', 'weightDecay'] as const) checkNumber(name, s[name], 0);
  }

  protected override initialState(): InitialState {
    return { average: 0 };
  }

  protected override scalars(s: ASGDSettings, step: number): Scalars {
    const rate = s.lr / (1 + s.lambd * s.lr * (step - 1)) ** s.alpha;
    const share = 1 / Math.max(1, step - 1 - s.t0);
    return { rate, keep: 1 - s.lambd * rate, share, weightDecay: s.weightDecay };
  }

  protected override update(
    rule: UpdateRule,
    p: Tensor,
    value: Value,
    grad: Value,
    s: ASGDSettings,
  ): Updates {
    const g = rule.slope(value, grad, s);
    const averageState = this.state(p, 'average', s);
    const next = rule.sub(rule.mul(value, 'keep'), rule.mul(g, 'rate'));
    return [
      [p, next],
      [averageState, rule.lerp(rule.plain(averageState), next, 'share')],
    ];
  }
}
