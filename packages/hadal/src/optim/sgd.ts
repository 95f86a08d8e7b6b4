/** Stochastic gradient descent with momentum. */
import type { Value } from '../autograd/value.js';
import type { Tensor } from '../tensor/index.js';
import type { Scalars, UpdateRule } from './optimizer.js';
import { checkNumber, Optimizer } from './optimizer.js';

export interface SGDOptions {
  /** Learning rate; 0.001 if not given. */
  readonly lr?: number;
  /** Share of the last direction that is kept; 0 for none. */
  readonly momentum?: number;
  /** L2 penalty. */
  readonly weightDecay?: number;
  /** Look ahead along the momentum; Sutskever et al. 2013. */
  readonly nesterov?: boolean;
}

/**
 * v = momentum v + g; p = p - lr v. As PyTorch's SGD with dampening 0.
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
export class SGD extends Optimizer {
  readonly momentum: number;
  readonly weightDecay: number;
  readonly nesterov: boolean;

  constructor(parameters: Iterable<Tensor>, options: SGDOptions = {}) {
    super(parameters, options.lr ?? 1e-3);
    this.momentum = checkNumber('momentum', options.momentum ?? 0, 0);
    this.weightDecay = checkNumber('weightDecay', options.weightDecay ?? 0, 0);
    this.nesterov = options.nesterov ?? false;
    if (this.nesterov) checkNumber('momentum with nesterov', this.momentum, Number.MIN_VALUE);
    this.prepare(this.momentum > 0 ? ['momentum'] : []);
  }

  protected override scalars(): Scalars {
    return { lr: this.lr, momentum: this.momentum, weightDecay: this.weightDecay };
  }

  protected override update(
    rule: UpdateRule,
    p: Tensor,
    value: Value,
    grad: Value,
  ): readonly (readonly [Tensor, Value])[] {
    const g = this.weightDecay > 0 ? rule.add(grad, rule.mul(value, 'weightDecay')) : grad;
    if (this.momentum === 0) return [[p, rule.sub(value, rule.mul(g, 'lr'))]];
    const velocity = this.state(p, 'momentum');
    const v = rule.add(rule.mul(rule.plain(velocity), 'momentum'), g);
    const direction = this.nesterov ? rule.add(g, rule.mul(v, 'momentum')) : v;
    return [
      [p, rule.sub(value, rule.mul(direction, 'lr'))],
      [velocity, v],
    ];
  }
}
