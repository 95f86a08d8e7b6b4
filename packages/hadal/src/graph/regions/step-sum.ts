/**
 * Sums over all steps of a scan of something that each step computes. What is linear is done once, on the sum: a product of two values
 * of each step is one product over all steps at once, which is how the gradient of a recurrent weight is one large product.
 */
import { dotLayout, halves } from '../../base/attributes.js';
import { InternalError } from '../../base/errors.js';
import type { Shape } from '../../base/shape.js';
import type { Attributes, Operand } from '../op.js';
import type { Ops } from '../ops-interface.js';

/** An array with the value of every step: an operand of the scan, or one of its results; seen through ops that move elements. */
export type Stacked =
  | { readonly from: 'operand'; readonly slice: number }
  | { readonly from: 'result'; readonly stack: number }
  | { readonly from: 'reshape'; readonly of: Stacked; readonly shape: Shape }
  | { readonly from: 'permute'; readonly of: Stacked; readonly order: readonly number[] };

/** How a sum over steps is had once the scan has run. */
export type StepSum =
  | { readonly kind: 'stacked'; readonly of: Stacked }
  /** The steps added it up in a carry. */
  | { readonly kind: 'carried'; readonly carry: number }
  | { readonly kind: 'dot'; readonly a: Stacked; readonly b: Stacked; readonly attributes: Attributes }
  | { readonly kind: 'add'; readonly a: StepSum; readonly b: StepSum }
  | {
      readonly kind: 'linear';
      readonly name: string;
      readonly of: StepSum;
      readonly attributes: Attributes;
      readonly shape: Shape;
    };

/** Ops that may as well be done once on the sum. */
export const linearOps: ReadonlySet<string> = new Set([
  'reshape',
  'permute',
  'slice',
  'pad',
  'expand',
  'sum',
  'neg',
]);

/** Where a sum finds what the scan was given and gave. */
export interface StepArrays<V> {
  operand(slice: number): V;
  stack(result: number): V;
  carry(carry: number): V;
}

function stackedValue<V extends Operand>(ops: Ops<V>, s: Stacked, arrays: StepArrays<V>): V {
  switch (s.from) {
    case 'operand':
      return arrays.operand(s.slice);
    case 'result':
      return arrays.stack(s.stack);
    case 'reshape': {
      const of = stackedValue(ops, s.of, arrays);
      return ops.reshape(of, [of.shape[0], ...s.shape]);
    }
    case 'permute':
      return ops.permute(stackedValue(ops, s.of, arrays), [0, ...s.order.map((d) => d + 1)]);
  }
}

function linear<V extends Operand>(ops: Ops<V>, name: string, x: V, attributes: Attributes, shape: Shape): V {
  const [first, second] = halves(attributes);
  switch (name) {
    case 'reshape':
      return ops.reshape(x, shape);
    case 'permute':
      return ops.permute(x, attributes);
    case 'slice':
      return ops.slice(x, first, second, shape);
    case 'pad':
      return ops.pad(x, first, second, shape);
    case 'expand':
      return ops.expand(x, shape);
    case 'sum':
      return ops.reduce('sum', x, attributes);
    case 'neg':
      return ops.unary('neg', x);
    default:
      throw new InternalError(`${name} is not done on sums`);
  }
}

export function sumOfSteps<V extends Operand>(ops: Ops<V>, s: StepSum, arrays: StepArrays<V>): V {
  switch (s.kind) {
    case 'stacked': {
      const all = stackedValue(ops, s.of, arrays);
      return ops.reshape(ops.reduce('sum', all, [0]), all.shape.slice(1));
    }
    case 'carried':
      return arrays.carry(s.carry);
    case 'dot': {
      const [a, b] = [stackedValue(ops, s.a, arrays), stackedValue(ops, s.b, arrays)];
      const l = dotLayout(s.attributes, a.shape.length - 1, b.shape.length - 1);
      const later = (dims: readonly number[]): number[] => dims.map((d) => d + 1);
      return ops.dot(a, b, {
        lhsBatch: later(l.lhsBatch),
        rhsBatch: later(l.rhsBatch),
        lhsContract: [0, ...later(l.lhsContract)],
        rhsContract: [0, ...later(l.rhsContract)],
      });
    }
    case 'add':
      return ops.arithmetic('add', sumOfSteps(ops, s.a, arrays), sumOfSteps(ops, s.b, arrays));
    case 'linear':
      if (s.name === 'sum' && s.of.kind === 'stacked') {
        const all = stackedValue(ops, s.of.of, arrays);
        const dims = [0, ...s.attributes.map((d) => d + 1)];
        return ops.reshape(ops.reduce('sum', all, dims), s.shape);
      }
      return linear(ops, s.name, sumOfSteps(ops, s.of, arrays), s.attributes, s.shape);
  }
}
