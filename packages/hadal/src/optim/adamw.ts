/** Adam with decoupled weight decay. */
import type { AdamOptions, AdamSettings } from './adam.js';
import { Adam } from './adam.js';
import type { OptimizedParameters } from './param-group.js';

export type AdamWOptions = AdamOptions;

/**
 * Loshchilov and Hutter 2019, algorithm 2, as PyTorch computes it. The learning rate is 0.001 and the weight decay 0.01 if not given.
 *
 * @example
 * ```ts
 * import { nn, optim } from 'hadal';
 * const opt = new optim.AdamW(new nn.Linear(2, 1).parameters(), { lr: 1e-3 });
 * console.log(opt.lr); // 0.001
 * ```
 */
export class AdamW extends Adam {
  constructor(parameters: OptimizedParameters<AdamSettings>, options: AdamWOptions = {}) {
    super(parameters, options, { weightDecay: 1e-2 });
  }

  override get type(): string {
    return 'AdamW';
  }

  protected override get decoupled(): boolean {
    return true;
  }
}
