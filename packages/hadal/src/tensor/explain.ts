/** Seeing what the compiler makes of pending work. */
import type { Explanation } from '../engine/explanation.js';
import type { Tensor } from './tensor.js';
import { engine } from './workspace.js';

/**
 * What reading these tensors would run: the graph, the kernels with what was fused into each, where values lie in memory, and the
 * generated code. Nothing is run. Without tensors, the last thing that did run.
 *
 * @example
 * ```ts
 * import { explain, ones } from 'hadal';
 * const x = ones([4]), b = ones([4]);
 * console.log(explain(x.mul(2).add(b).relu()).kernels.length); // 1
 * ```
 */
export function explain(...tensors: readonly Tensor[]): Explanation {
  if (tensors.length === 0) return engine().explainLast();
  return tensors[0].storage.engine.explain(tensors.map((t) => t.value.node));
}
