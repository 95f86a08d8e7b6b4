/** The tape as text. */
import type { GradNode } from '../autograd/tape.js';
import { showShape } from '../base/shape.js';
import type { Tensor } from './tensor.js';

/**
 * What a tensor was computed by, as a tree of the tape: the last op first, below it what made its operands. An op that is reached on
 * several ways is shown once, and by its number after that.
 *
 * @example
 * ```ts
 * import { autograd, tensor } from 'hadal';
 * const x = tensor([1, 2], { requiresGrad: true });
 * const y = x.mul(3).exp();
 * console.log(autograd.describe(y).split('\n')); // [ '#0 ExpBackward', '  #1 MulBackward', '    #2 AccumulateGrad' ]
 * ```
 */
export function describe(t: Tensor): string {
  if (t.gradFn !== null) return tree(t.gradFn);
  return `${t.requiresGrad ? 'a leaf' : 'not on the tape'}: ${t.dtype}${showShape(t.shape)}`;
}

function tree(root: GradNode): string {
  const numbers = new Map<GradNode, number>();
  const lines: string[] = [];
  const stack: { readonly node: GradNode; readonly depth: number; readonly output: number }[] = [
    { node: root, depth: 0, output: 0 },
  ];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { node, depth, output } = top;
    const known = numbers.get(node);
    const number = known ?? numbers.size;
    numbers.set(node, number);
    const result = output > 0 ? `, result ${output}` : '';
    lines.push(
      `${'  '.repeat(depth)}#${number} ${node.name}${result}${known === undefined ? '' : ' (above)'}`,
    );
    if (known !== undefined) continue;
    for (const next of [...node.nextFunctions].reverse()) {
      if (next !== null) stack.push({ node: next[0], depth: depth + 1, output: next[1] });
    }
  }
  return lines.join('\n');
}
