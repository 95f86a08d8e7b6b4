/** Stochastic gradient descent with momentum. */
import type { Value } from '../autograd/value.js';
import { ArgumentError } from '../base/errors.js';
import type { Tensor } from '../tensor/index.js';
import type { InitialState, Updates } from './optimizer.js';
import { checkNumber, Optimizer } from './optimizer.js';
import type { OptimizedParameters, Settings } from './param-group.js';
import type { Scalars, UpdateRule } from './update-rule.js';

export interface SGDSettings extends Settings {
  /** Share of the last direction that is kept; 0 for none. */
  momentum: number;
  /** Share of each gradient that does not go into the direction, from the second step on. */
  dampening: number;
  /** L2 penalty. */
  weightDecay: number;
  /** Look ahead along the momentum; Sutskever et al. 2013. */
  nesterov: boolean;
  /** Climb instead of descend. */
  maximize: boolean;
}

export type SGDOptions = Partial<SGDSettings>;

/**
 * v = momentum v + (1 - dampening) g; p = p - lr v, as PyTorch has it. The learning rate is 0.001 if not given.
 *
 * @example
 * ```ts
 * import { optim, tensor } from 'hadal';
 * const w = tensor([1, 2], { requiresGrad: true });
 * const opt = new optim.SGD([w], { lr: 0.5 });
 * w.sum().backward();
 * opt.step();
 * console.log(w.tolistSync()); // [ 0.5, 1.5 ]
 * ```
 */
export class SGD extends Optimizer<SGDSettings> {
  constructor(parameters: OptimizedParameters<SGDSettings>, options: SGDOptions = {}) {
    super(
      parameters,
      {
        lr: 1e-3,
        momentum: 0,
        dampening: 0,
        weightDecay: 0,
        nesterov: false,
        maximize: false,
      },
      options,
    );
  }

  override get type(): string {
    return 'SGD';
  }

  protected override check({ momentum, dampening, weightDecay, nesterov }: SGDSettings): void {
    checkNumber('momentum', momentum, 0);
    checkNumber('weightDecay', weightDecay, 0);
    if (!Number.isFinite(dampening))
      throw new ArgumentError(`optimizer: dampening is a number, got ${dampening}`);
    if (nesterov && (momentum <= 0 || dampening !== 0))
      throw new ArgumentError(
        `optimizer: nesterov wants a momentum and no dampening, got momentum ${momentum} and dampening ${dampening}`,
      );
  }

  protected override initialState({ momentum }: SGDSettings): InitialState {
    return momentum > 0 ? { momentum: 0 } : {};
  }

  protected override scalars(s: SGDSettings, step: number): Scalars {
    const fresh = step === 1 ? 1 : 1 - s.dampening;
    return { lr: s.lr, momentum: s.momentum, fresh, weightDecay: s.weightDecay };
  }

  protected override update(rule: UpdateRule, p: Tensor, value: Value, grad: Value, s: SGDSettings): Updates {
    const g = rule.slope(value, grad, s);
    if (s.momentum === 0) return [[p, rule.sub(value, rule.mul(g, 'lr'))]];
    const velocity = this.state(p, 'momentum', s);
    const fresh = s.dampening === 0 ? g : rule.mul(g, 'fresh');
    const v = rule.add(rule.mul(rule.plain(velocity), 'momentum'), fresh);
    const direction = s.nesterov ? rule.add(g, rule.mul(v, 'momentum')) : v;
    return [
      [p, rule.sub(value, rule.mul(direction, 'lr'))],
      [velocity, v],
    ];
  }
}
