/** Rprop. */
import type { Value } from '../autograd/value.js';
import { ArgumentError } from '../base/errors.js';
import type { Tensor } from '../tensor/index.js';
import type { InitialState, Updates } from './optimizer.js';
import { checkNumber, Optimizer } from './optimizer.js';
import type { OptimizedParameters, Settings } from './param-group.js';
import type { Scalars, UpdateRule } from './update-rule.js';

export interface RpropSettings extends Settings {
  /** What a step shrinks and grows by; [0.5, 1.2] if not given. */
  etas: readonly [number, number];
  /** The smallest and the largest step; [1e-6, 50] if not given. */
  stepSizes: readonly [number, number];
  /** Climb instead of descend. */
  maximize: boolean;
}

export type RpropOptions = Partial<RpropSettings>;

/**
 * Steps of a size of their own for every weight, by the signs of two gradients alone: Riedmiller and Braun 1993, as PyTorch computes it. For
 * gradients of the whole data. The learning rate, 0.01 if not given, is the size of the first step.
 *
 * @example
 * ```ts
 * import { nn, optim } from 'hadal';
 * const opt = new optim.Rprop(new nn.Linear(2, 1).parameters(), { stepSizes: [1e-6, 1] });
 * console.log(opt.lr); // 0.01
 * ```
 */
export class Rprop extends Optimizer<RpropSettings> {
  constructor(parameters: OptimizedParameters<RpropSettings>, options: RpropOptions = {}) {
    super(
      parameters,
      {
        lr: 1e-2,
        etas: [0.5, 1.2],
        stepSizes: [1e-6, 50],
        maximize: false,
      },
      options,
    );
  }

  override get type(): string {
    return 'Rprop';
  }

  protected override check(s: RpropSettings): void {
    const [shrink, grow] = s.etas;
    if (!(shrink > 0 && shrink < 1 && grow > 1 && Number.isFinite(grow)))
      throw new ArgumentError(`optimizer: etas are a number from 0 to 1 and one above 1, got [${s.etas}]`);
    checkNumber('stepSizes[0]', s.stepSizes[0], 0);
    checkNumber('stepSizes[1]', s.stepSizes[1], s.stepSizes[0]);
  }

  protected override initialState({ lr }: RpropSettings): InitialState {
    return { previous: 0, stepSize: lr };
  }

  protected override scalars({ etas, stepSizes }: RpropSettings): Scalars {
    return { shrink: etas[0], grow: etas[1], least: stepSizes[0], most: stepSizes[1] };
  }

  protected override update(
    rule: UpdateRule,
    p: Tensor,
    value: Value,
    grad: Value,
    s: RpropSettings,
  ): Updates {
    const slope = s.maximize ? rule.neg(grad) : grad;
    const [previousState, sizeState] = [this.state(p, 'previous', s), this.state(p, 'stepSize', s)];
    const size = rule.plain(sizeState);
    const agreement = rule.mul(slope, rule.plain(previousState));
    const zero = rule.constant(0);
    const turned = rule.lt(agreement, zero);
    const grown = rule.where(rule.lt(zero, agreement), rule.mul(size, 'grow'), size);
    const fitted = rule.where(turned, rule.mul(size, 'shrink'), grown);
    const nextSize = rule.minimum(rule.maximum(fitted, 'least'), 'most');
    // After a turn the step is left out, and the next one counts as going the same way.
    const g = rule.where(turned, zero, slope);
    return [
      [p, rule.sub(value, rule.mul(rule.sign(g), nextSize))],
      [previousState, g],
      [sizeState, nextSize],
    ];
  }
}
