/** RMSprop. */
import type { Value } from '../autograd/value.js';
import type { Tensor } from '../tensor/index.js';
import type { InitialState, Updates } from './optimizer.js';
import { checkNumber, Optimizer } from './optimizer.js';
import type { OptimizedParameters, Settings } from './param-group.js';
import type { Scalars, UpdateRule } from './update-rule.js';

export interface RMSpropSettings extends Settings {
  /** Share of the running square that is kept; 0.99 if not given. */
  alpha: number;
  /** Added to the root of the running square; 1e-8 if not given. */
  eps: number;
  /** L2 penalty. */
  weightDecay: number;
  /** Share of the last direction that is kept; 0 for none. */
  momentum: number;
  /** Divide by the deviation from the running mean; Graves 2013. */
  centered: boolean;
  /** Climb instead of descend. */
  maximize: boolean;
}

export type RMSpropOptions = Partial<RMSpropSettings>;

/**
 * Hinton's lecture 6e of 2012, as PyTorch computes it. The learning rate is 0.01 if not given.
 *
 * @example
 * ```ts
 * import { nn, optim } from 'hadal';
 * console.log(new optim.RMSprop(new nn.Linear(2, 1).parameters(), { momentum: 0.9 }).lr); // 0.01
 * ```
 */
export class RMSprop extends Optimizer<RMSpropSettings> {
  constructor(parameters: OptimizedParameters<RMSpropSettings>, options: RMSpropOptions = {}) {
    super(
      parameters,
      {
        lr: 1e-2,
        alpha: 0.99,
        eps: 1e-8,
        weightDecay: 0,
        momentum: 0,
        centered: false,
        maximize: false,
      },
      options,
    );
  }

  override get type(): string {
    return 'RMSprop';
  }

  protected override check(s: RMSpropSettings): void {
    for (const name of ['alpha', 'eps', 'weightDecay', 'momentum'] as const) checkNumber(name, s[name], 0);
  }

  protected override initialState({ momentum, centered }: RMSpropSettings): InitialState {
    return { square: 0, ...(centered ? { mean: 0 } : {}), ...(momentum > 0 ? { momentum: 0 } : {}) };
  }

  protected override scalars(s: RMSpropSettings): Scalars {
    const { lr, alpha, eps, weightDecay, momentum } = s;
    return { lr, alpha, fresh: 1 - alpha, eps, weightDecay, momentum };
  }

  protected override update(
    rule: UpdateRule,
    p: Tensor,
    value: Value,
    grad: Value,
    s: RMSpropSettings,
  ): Updates {
    const g = rule.slope(value, grad, s);
    const squareState = this.state(p, 'square', s);
    const square = rule.add(rule.mul(rule.plain(squareState), 'alpha'), rule.mul(rule.mul(g, g), 'fresh'));
    const updates: (readonly [Tensor, Value])[] = [[squareState, square]];
    let variance = square;
    if (s.centered) {
      const meanState = this.state(p, 'mean', s);
      const mean = rule.lerp(rule.plain(meanState), g, 'fresh');
      variance = rule.sub(square, rule.mul(mean, mean));
      updates.push([meanState, mean]);
    }
    let direction = rule.div(g, rule.add(rule.sqrt(variance), 'eps'));
    if (s.momentum > 0) {
      const velocity = this.state(p, 'momentum', s);
      direction = rule.add(rule.mul(rule.plain(velocity), 'momentum'), direction);
      updates.push([velocity, direction]);
    }
    return [[p, rule.sub(value, rule.mul(direction, 'lr'))], ...updates];
  }
}
