/** Adamax. */
import type { Value } from '../autograd/value.js';
import type { Tensor } from '../tensor/index.js';
import type { InitialState, Updates } from './optimizer.js';
import { checkBetas, checkNumber, Optimizer } from './optimizer.js';
import type { OptimizedParameters, Settings } from './param-group.js';
import type { Scalars, UpdateRule } from './update-rule.js';

export interface AdamaxSettings extends Settings {
  /** Decay of the running mean and of the largest gradient; [0.9, 0.999] if not given. */
  betas: readonly [number, number];
  /** Added to the magnitude of each gradient; 1e-8 if not given. */
  eps: number;
  /** L2 penalty. */
  weightDecay: number;
  /** Climb instead of descend. */
  maximize: boolean;
}

export type AdamaxOptions = Partial<AdamaxSettings>;

/**
 * Adam with the largest gradient in place of the mean square: Kingma and Ba 2015, algorithm 2, as PyTorch computes it. The learning rate is
 * 0.002 if not given.
 *
 * @example
 * ```ts
 * import { nn, optim } from 'hadal';
 * console.log(new optim.Adamax(new nn.Linear(2, 1).parameters()).lr); // 0.002
 * ```
 */
export class Adamax extends Optimizer<AdamaxSettings> {
  constructor(parameters: OptimizedParameters<AdamaxSettings>, options: AdamaxOptions = {}) {
    super(
      parameters,
      {
        lr: 2e-3,
        betas: [0.9, 0.999],
        eps: 1e-8,
        weightDecay: 0,
        maximize: false,
      },
      options,
    );
  }

  override get type(): string {
    return 'Adamax';
  }

  protected override check(s: AdamaxSettings): void {
    checkBetas(s.betas);
    for (const name of ['eps', 'weightDecay'] as const) checkNumber(name, s[name], 0);
  }

  protected override initialState(): InitialState {
    return { mean: 0, largest: 0 };
  }

  protected override scalars(s: AdamaxSettings, step: number): Scalars {
    const [b1, b2] = s.betas;
    return {
      weightDecay: s.weightDecay,
      newMean: 1 - b1,
      oldLargest: b2,
      eps: s.eps,
      rate: s.lr / (1 - b1 ** step),
    };
  }

  protected override update(
    rule: UpdateRule,
    p: Tensor,
    value: Value,
    grad: Value,
    s: AdamaxSettings,
  ): Updates {
    const g = rule.slope(value, grad, s);
    const [meanState, largestState] = [this.state(p, 'mean', s), this.state(p, 'largest', s)];
    const mean = rule.lerp(rule.plain(meanState), g, 'newMean');
    const faded = rule.mul(rule.plain(largestState), 'oldLargest');
    const largest = rule.maximum(faded, rule.add(rule.abs(g), 'eps'));
    return [
      [p, rule.sub(value, rule.mul(rule.div(mean, largest), 'rate'))],
      [meanState, mean],
      [largestState, largest],
    ];
  }
}
