/** A callback made of functions. */
import type { Callback } from './callback.js';

/**
 * Functions to call while a model trains. A callback is a plain object, so this only gives it its type.
 *
 * @example
 * ```ts
 * import { callbacks, fit, nn, zeros } from 'hadal';
 * const seen: number[] = [];
 * const tell = callbacks.lambdaCallback({ onEpochEnd: (context, figures) => { seen.push(context.epoch, figures.loss); } });
 * const data = [zeros([4, 2]), zeros([4, 1])];
 * await fit(new nn.Linear(2, 1, { bias: false }), data, { epochs: 1, loss: 'mse', progress: false, callbacks: [tell] });
 * console.log(seen); // [ 0, 0 ]
 * ```
 */
export function lambdaCallback(hooks: Callback): Callback {
  return hooks;
}
