/** Lion. */
import type { Value } from '../autograd/value.js';
import type { Tensor } from '../tensor/index.js';
import type { InitialState, Updates } from './optimizer.js';
import { checkBetas, checkNumber, Optimizer } from './optimizer.js';
import type { OptimizedParameters, Settings } from './param-group.js';
import type { Scalars, UpdateRule } from './update-rule.js';

export interface LionSettings extends Settings {
  /** Share of the running mean in the direction of a step, and its decay; [0.9, 0.99] if not given. */
  betas: readonly [number, number];
  /** Share of each weight taken off a step, times lr. */
  weightDecay: number;
  /** Climb instead of descend. */
  maximize: boolean;
}

export type LionOptions = Partial<LionSettings>;

/**
 * Steps of one size in all weights, by the sign of a running mean: Chen et al. 2023, algorithm 2. The learning rate is 0.0001 if not given; the
 * paper advises a third to a tenth of that of AdamW, with three to ten times its weight decay.
 *
 * @example
 * ```ts
 * import { nn, optim } from 'hadal';
 * console.log(new optim.Lion(new nn.Linear(2, 1).parameters()).lr); // 0.0001
 * ```
 */
export class Lion extends Optimizer<LionSettings> {
  constructor(parameters: OptimizedParameters<LionSettings>, options: LionOptions = {}) {
    super(
      parameters,
      {
        lr: 1e-4,
        betas: [0.9, 0.99],
        weightDecay: 0,
        maximize: false,
      },
      options,
    );
  }

  override get type(): string {
    return 'Lion';
  }

  protected override check(s: LionSettings): void {
    checkBetas(s.betas);
    checkNumber('weightDecay', s.weightDecay, 0);
  }

  protected override initialState(): InitialState {
    return { mean: 0 };
  }

  protected override scalars({ lr, betas, weightDecay }: LionSettings): Scalars {
    const [b1, b2] = betas;
    return { lr, keep: 1 - lr * weightDecay, towards: 1 - b1, newMean: 1 - b2 };
  }

  protected override update(
    rule: UpdateRule,
    p: Tensor,
    value: Value,
    grad: Value,
    s: LionSettings,
  ): Updates {
    const g = s.maximize ? rule.neg(grad) : grad;
    const meanState = this.state(p, 'mean', s);
    const mean = rule.plain(meanState);
    const direction = rule.sign(rule.lerp(mean, g, 'towards'));
    return [
      [p, rule.sub(rule.mul(value, 'keep'), rule.mul(direction, 'lr'))],
      [meanState, rule.lerp(mean, g, 'newMean')],
    ];
  }
}
