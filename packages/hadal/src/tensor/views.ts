/**
 * Views: a tensor that shows part of another's storage, as a chain of steps from the storage's own shape. A step can be walked
 * forward (to read) and its result put back (to write in place through it).
 */
import type { AutogradOps } from '../autograd/ops.js';
import type { Value } from '../autograd/value.js';
import { inversePermutation } from '../base/attributes.js';
import { ArgumentError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';

export type ViewStep =
  | { readonly kind: 'reshape'; readonly shape: Shape }
  | { readonly kind: 'permute'; readonly order: readonly number[] }
  | { readonly kind: 'expand'; readonly shape: Shape }
  /** Windows over the last dimension: [..., n] to [..., windows, size]. */
  | { readonly kind: 'windows'; readonly size: number; readonly step: number }
  | {
      readonly kind: 'slice';
      readonly starts: readonly number[];
      readonly steps: readonly number[];
      readonly shape: Shape;
    };

/** The value of a view step on a value. */
export function forward(ops: AutogradOps, step: ViewStep, v: Value): Value {
  switch (step.kind) {
    case 'reshape':
      return ops.reshape(v, step.shape);
    case 'permute':
      return ops.permute(v, step.order);
    case 'expand':
      return ops.expand(v, step.shape);
    case 'windows':
      return ops.windows(v, { sizes: [step.size], strides: [step.step], dilations: [1] });
    case 'slice':
      return ops.slice(v, step.starts, step.steps, step.shape);
  }
}

/** `base` with what `step` shows of it replaced by `part`. */
function putBack(ops: AutogradOps, step: ViewStep, base: Value, part: Value): Value {
  switch (step.kind) {
    case 'reshape':
      return ops.reshape(part, base.shape);
    case 'permute':
      return ops.permute(part, inversePermutation(step.order));
    case 'expand':
    case 'windows':
      throw new ArgumentError(
        'in-place operation on an expanded tensor or on windows: several of its elements are one in memory. clone() it before writing to it.',
      );
    case 'slice': {
      const interior = step.steps.map((s) => s - 1);
      const ones = ops.constant(1, 'bool', part.shape);
      const inside = ops.pad(ones, step.starts, interior, base.shape);
      return ops.where(inside, ops.pad(part, step.starts, interior, base.shape), base);
    }
  }
}

/** `base` with what a chain of steps shows of it replaced by `part`. */
export function replaceThrough(
  ops: AutogradOps,
  steps: readonly ViewStep[],
  base: Value,
  part: Value,
): Value {
  const shown = [base];
  for (const step of steps.slice(0, -1)) shown.push(forward(ops, step, shown[shown.length - 1]));
  return steps.reduceRight((put, step, i) => putBack(ops, step, shown[i], put), part);
}
