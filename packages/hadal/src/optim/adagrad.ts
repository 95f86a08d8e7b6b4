/** Adagrad. */
import type { Value } from '../autograd/value.js';
import type { Tensor } from '../tensor/index.js';
import type { InitialState, Updates } from './optimizer.js';
import { checkNumber, Optimizer } from './optimizer.js';
import type { OptimizedParameters, Settings } from './param-group.js';
import type { Scalars, UpdateRule } from './update-rule.js';

export interface AdagradSettings extends Settings {
  /** The learning rate of step t is lr / (1 + (t - 1) lrDecay). */
  lrDecay: number;
  /** L2 penalty. */
  weightDecay: number;
  /** What the sums of squares start from. */
  initialAccumulatorValue: number;
  /** Added to the root of the sum of squares; 1e-10 if not given. */
  eps: number;
  /** Climb instead of descend. */
  maximize: boolean;
}

export type AdagradOptions = Partial<AdagradSettings>;

/**
 * Duchi et al. 2011, as PyTorch computes it. The learning rate is 0.01 if not given.
 *
 * @example
 * ```ts
 * import { nn, optim } from 'hadal';
 * console.log(new optim.Adagrad(new nn.Linear(2, 1).parameters()).lr); // 0.01
 * ```
 */
export class Adagrad extends Optimizer<AdagradSettings> {
  constructor(parameters: OptimizedParameters<AdagradSettings>, options: AdagradOptions = {}) {
    super(
      parameters,
      {
        lr: 1e-2,
        lrDecay: 0,
        weightDecay: 0,
        initialAccumulatorValue: 0,
        eps: 1e-10,
        maximize: false,
      },
      options,
    );
  }

  override get type(): string {
    return 'Adagrad';
  }

  protected override check(s: AdagradSettings): void {
    for (const name of ['lrDecay', 'weightDecay', 'initialAccumulatorValue', 'eps'] as const)
      checkNumber(name, s[name], 0);
  }

  protected override initialState({ initialAccumulatorValue }: AdagradSettings): InitialState {
    return { sum: initialAccumulatorValue };
  }

  protected override scalars(s: AdagradSettings, step: number): Scalars {
    return { rate: s.lr / (1 + (step - 1) * s.lrDecay), weightDecay: s.weightDecay, eps: s.eps };
  }

  protected override update(
    rule: UpdateRule,
    p: Tensor,
    value: Value,
    grad: Value,
    s: AdagradSettings,
  ): Updates {
    const g = rule.slope(value, grad, s);
    const sumState = this.state(p, 'sum', s);
    const sum = rule.add(rule.plain(sumState), rule.mul(g, g));
    const direction = rule.div(g, rule.add(rule.sqrt(sum), 'eps'));
    return [
      [p, rule.sub(value, rule.mul(direction, 'rate'))],
      [sumState, sum],
    ];
  }
}
