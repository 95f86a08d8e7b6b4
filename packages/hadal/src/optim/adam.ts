/** Adam. */
import type { Value } from '../autograd/value.js';
import type { Tensor } from '../tensor/index.js';
import type { InitialState, Updates } from './optimizer.js';
import { checkBetas, checkNumber, Optimizer } from './optimizer.js';
import type { OptimizedParameters, Settings } from './param-group.js';
import type { Scalars, UpdateRule } from './update-rule.js';

export interface AdamSettings extends Settings {
  /** Decay of the running mean and of the running square; [0.9, 0.999] if not given. */
  betas: readonly [number, number];
  /** Added to the root of the running square; 1e-8 if not given. */
  eps: number;
  /** Adam: L2 penalty, 0 if not given. AdamW: share of each weight taken off a step, times lr; 0.01 if not given. */
  weightDecay: number;
  /** Divide by the largest running square so far; Reddi et al. 2018. */
  amsgrad: boolean;
  /** Climb instead of descend. */
  maximize: boolean;
}

export type AdamOptions = Partial<AdamSettings>;

const defaults: AdamSettings = {
  lr: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  amsgrad: false,
  maximize: false,
};

/**
 * Kingma and Ba 2015, algorithm 1, as PyTorch computes it. The learning rate is 0.001 if not given.
 *
 * @example
 * ```ts
 * import { nn, optim } from 'hadal';
 * const opt = new optim.Adam(new nn.Linear(2, 1).parameters(), { betas: [0.9, 0.98] });
 * console.log(opt.lr); // 0.001
 * ```
 */
export class Adam extends Optimizer<AdamSettings> {
  constructor(
    parameters: OptimizedParameters<AdamSettings>,
    options: AdamOptions = {},
    own: Partial<AdamSettings> = {},
  ) {
    super(parameters, { ...defaults, ...own }, options);
  }

  override get type(): string {
    return 'Adam';
  }

  /** Whether weights decay by themselves instead of through the gradient. */
  protected get decoupled(): boolean {
    return false;
  }

  protected override check(s: AdamSettings): void {
    checkBetas(s.betas);
    checkNumber('eps', s.eps, 0);
    checkNumber('weightDecay', s.weightDecay, 0);
  }

  protected override initialState({ amsgrad }: AdamSettings): InitialState {
    return amsgrad ? { mean: 0, square: 0, largest: 0 } : { mean: 0, square: 0 };
  }

  protected override scalars(s: AdamSettings, step: number): Scalars {
    const [b1, b2] = s.betas;
    // The root's bias correction goes into rate and eps, which spares a division of every element; Kingma and Ba 2015, section 2.
    const rootCorrection = Math.sqrt(1 - b2 ** step);
    return {
      keep: 1 - s.lr * s.weightDecay,
      weightDecay: s.weightDecay,
      newMean: 1 - b1,
      oldSquare: b2,
      newSquare: 1 - b2,
      rate: (s.lr * rootCorrection) / (1 - b1 ** step),
      eps: s.eps * rootCorrection,
    };
  }

  protected override update(
    rule: UpdateRule,
    p: Tensor,
    value: Value,
    grad: Value,
    s: AdamSettings,
  ): Updates {
    const g = rule.slope(value, grad, this.decoupled ? { ...s, weightDecay: 0 } : s);
    const [meanState, squareState] = [this.state(p, 'mean', s), this.state(p, 'square', s)];
    const mean = rule.lerp(rule.plain(meanState), g, 'newMean');
    const square = rule.meanSquare(squareState, g);
    const largestState = s.amsgrad ? this.state(p, 'largest', s) : null;
    const largest = largestState ? rule.maximum(rule.plain(largestState), square) : square;
    const spread = rule.add(rule.sqrt(largest), 'eps');
    const decayed = this.decoupled ? rule.mul(value, 'keep') : value;
    const next = rule.sub(decayed, rule.mul(rule.div(mean, spread), 'rate'));
    return [
      [p, next],
      [meanState, mean],
      [squareState, square],
      ...(largestState ? [[largestState, largest] as const] : []),
    ];
  }
}
