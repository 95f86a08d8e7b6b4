/** RAdam. */
import type { Value } from '../autograd/value.js';
import type { Tensor } from '../tensor/index.js';
import type { InitialState, Updates } from './optimizer.js';
import { checkBetas, checkNumber, Optimizer } from './optimizer.js';
import type { OptimizedParameters, Settings } from './param-group.js';
import type { Scalars, UpdateRule } from './update-rule.js';

export interface RAdamSettings extends Settings {
  /** Decay of the running mean and of the running square; [0.9, 0.999] if not given. */
  betas: readonly [number, number];
  /** Added to the root of the running square; 1e-8 if not given. */
  eps: number;
  /** L2 penalty. */
  weightDecay: number;
  /** Whether weights decay by themselves, times lr, instead of through the gradient; Loshchilov and Hutter 2019. */
  decoupledWeightDecay: boolean;
  /** Climb instead of descend. */
  maximize: boolean;
}

export type RAdamOptions = Partial<RAdamSettings>;

/**
 * Adam that divides by the running square only once it can be trusted: Liu et al. 2020, as PyTorch computes it. The learning rate is 0.001 if
 * not given.
 *
 * @example
 * ```ts
 * import { nn, optim } from 'hadal';
 * console.log(new optim.RAdam(new nn.Linear(2, 1).parameters()).lr); // 0.001
 * ```
 */
export class RAdam extends Optimizer<RAdamSettings> {
  constructor(parameters: OptimizedParameters<RAdamSettings>, options: RAdamOptions = {}) {
    super(
      parameters,
      {
        lr: 1e-3,
        betas: [0.9, 0.999],
        eps: 1e-8,
        weightDecay: 0,
        decoupledWeightDecay: false,
        maximize: false,
      },
      options,
    );
  }

  override get type(): string {
    return 'RAdam';
  }

  protected override check(s: RAdamSettings): void {
    checkBetas(s.betas);
    for (const name of ['eps', 'weightDecay'] as const) checkNumber(name, s[name], 0);
  }

  protected override initialState(): InitialState {
    return { mean: 0, square: 0 };
  }

  protected override scalars(s: RAdamSettings, step: number): Scalars {
    const [b1, b2] = s.betas;
    const kept = b2 ** step;
    // How many gradients the running square amounts to, in the end and now.
    const longest = 2 / (1 - b2) - 1;
    const length = longest - (2 * step * kept) / (1 - kept);
    const trusted = length > 5;
    const rate = s.lr / (1 - b1 ** step);
    const rectified = ((length - 4) * (length - 2) * longest) / ((longest - 4) * (longest - 2) * length);
    return {
      keep: 1 - s.lr * s.weightDecay,
      weightDecay: s.weightDecay,
      newMean: 1 - b1,
      oldSquare: b2,
      newSquare: 1 - b2,
      eps: s.eps,
      // One of the two is 0, so that the step in which they change is no new kernel.
      plainRate: trusted ? 0 : rate,
      dividedRate: trusted ? rate * Math.sqrt(rectified * (1 - kept)) : 0,
    };
  }

  protected override update(
    rule: UpdateRule,
    p: Tensor,
    value: Value,
    grad: Value,
    s: RAdamSettings,
  ): Updates {
    const g = rule.slope(value, grad, s.decoupledWeightDecay ? { ...s, weightDecay: 0 } : s);
    const kept = s.decoupledWeightDecay && s.weightDecay > 0 ? rule.mul(value, 'keep') : value;
    const [meanState, squareState] = [this.state(p, 'mean', s), this.state(p, 'square', s)];
    const mean = rule.lerp(rule.plain(meanState), g, 'newMean');
    const square = rule.meanSquare(squareState, g);
    const divided = rule.div(rule.mul(mean, 'dividedRate'), rule.add(rule.sqrt(square), 'eps'));
    return [
      [p, rule.sub(kept, rule.add(divided, rule.mul(mean, 'plainRate')))],
      [meanState, mean],
      [squareState, square],
    ];
  }
}
