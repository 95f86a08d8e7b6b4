/** NAdam. */
import type { Value } from '../autograd/value.js';
import type { Tensor } from '../tensor/index.js';
import type { InitialState, Updates } from './optimizer.js';
import { checkBetas, checkNumber, Optimizer } from './optimizer.js';
import type { OptimizedParameters, Settings } from './param-group.js';
import type { Scalars, UpdateRule } from './update-rule.js';

/** The momentum of one step, counted from 1. */
function momentumOf({ betas, momentumDecay }: NAdamSettings, step: number): number {
  return betas[0] * (1 - 0.5 * 0.96 ** (step * momentumDecay));
}

/** The product of the momenta of all steps up to one; it is 0 to a number's precision after some thousands. */
function momentumProduct(s: NAdamSettings, step: number): number {
  let product = 1;
  for (let i = 1; i <= step && product > Number.MIN_VALUE; i++) product *= momentumOf(s, i);
  return product;
}

export interface NAdamSettings extends Settings {
  /** Decay of the running mean and of the running square; [0.9, 0.999] if not given. */
  betas: readonly [number, number];
  /** Added to the root of the running square; 1e-8 if not given. */
  eps: number;
  /** L2 penalty. */
  weightDecay: number;
  /** How fast the momentum of early steps grows to betas[0]; 0.004 if not given. */
  momentumDecay: number;
  /** Whether weights decay by themselves, times lr, instead of through the gradient; Loshchilov and Hutter 2019. */
  decoupledWeightDecay: boolean;
  /** Climb instead of descend. */
  maximize: boolean;
}

export type NAdamOptions = Partial<NAdamSettings>;

/**
 * Adam with Nesterov's momentum: Dozat 2016, as PyTorch computes it. The learning rate is 0.002 if not given.
 *
 * @example
 * ```ts
 * import { nn, optim } from 'hadal';
 * const opt = new optim.NAdam(new nn.Linear(2, 1).parameters(), { weightDecay: 0.01, decoupledWeightDecay: true });
 * console.log(opt.lr); // 0.002
 * ```
 */
export class NAdam extends Optimizer<NAdamSettings> {
  constructor(parameters: OptimizedParameters<NAdamSettings>, options: NAdamOptions = {}) {
    super(
      parameters,
      {
        lr: 2e-3,
        betas: [0.9, 0.999],
        eps: 1e-8,
        weightDecay: 0,
        momentumDecay: 4e-3,
        decoupledWeightDecay: false,
        maximize: false,
      },
      options,
    );
  }

  override get type(): string {
    return 'NAdam';
  }

  protected override check(s: NAdamSettings): void {
    checkBetas(s.betas);
    for (const name of ['eps', 'weightDecay', 'momentumDecay'] as const) checkNumber(name, s[name], 0);
  }

  protected override initialState(): InitialState {
    return { mean: 0, square: 0 };
  }

  protected override scalars(s: NAdamSettings, step: number): Scalars {
    const [, b2] = s.betas;
    const momentum = momentumOf(s, step);
    const next = momentumOf(s, step + 1);
    const product = momentumProduct(s, step);
    const rootCorrection = Math.sqrt(1 - b2 ** step);
    return {
      keep: 1 - s.lr * s.weightDecay,
      weightDecay: s.weightDecay,
      newMean: 1 - s.betas[0],
      oldSquare: b2,
      newSquare: 1 - b2,
      // The root's bias correction goes into rates and eps.
      eps: s.eps * rootCorrection,
      gradRate: (s.lr * (1 - momentum) * rootCorrection) / (1 - product),
      meanRate: (s.lr * next * rootCorrection) / (1 - product * next),
    };
  }

  protected override update(
    rule: UpdateRule,
    p: Tensor,
    value: Value,
    grad: Value,
    s: NAdamSettings,
  ): Updates {
    const g = rule.slope(value, grad, s.decoupledWeightDecay ? { ...s, weightDecay: 0 } : s);
    const kept = s.decoupledWeightDecay && s.weightDecay > 0 ? rule.mul(value, 'keep') : value;
    const [meanState, squareState] = [this.state(p, 'mean', s), this.state(p, 'square', s)];
    const mean = rule.lerp(rule.plain(meanState), g, 'newMean');
    const square = rule.meanSquare(squareState, g);
    const spread = rule.add(rule.sqrt(square), 'eps');
    const direction = rule.add(rule.mul(g, 'gradRate'), rule.mul(mean, 'meanRate'));
    return [
      [p, rule.sub(kept, rule.div(direction, spread))],
      [meanState, mean],
      [squareState, square],
    ];
  }
}
