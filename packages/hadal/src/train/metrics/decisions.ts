/**
 * From what a model gives and what was wanted to decisions that can be compared: a class for each sample, or yes and no.
 */
import { isFloat } from '../../base/dtype.js';
import { ArgumentError, ShapeError } from '../../base/errors.js';
import { showShape } from '../../base/shape.js';
import type { Tensor } from '../../tensor/index.js';

export interface DecisionOptions {
  /**
   * 'classes' takes the largest of the scores in dimension 1; 'binary' compares each output with the threshold. Default:
   * 'classes' if dimension 1 of the output has more than one score, else 'binary'.
   */
  readonly task?: 'classes' | 'binary';
  /** An output above it means yes. Default 0.5, for probabilities; take 0 for logits. */
  readonly threshold?: number;
}

/** Decisions and truths as flat tensors of equal length: int64 class numbers, or bools. */
export interface Decisions {
  readonly task: 'classes' | 'binary';
  /** 2 for binary. */
  readonly classes: number;
  readonly predicted: Tensor;
  readonly actual: Tensor;
}

/**
 * @param output 'classes': [N, C] or [N, C, d1, ...]; 'binary': any shape.
 * @param target 'classes': class numbers [N] or [N, d1, ...], or one score a class in the output's shape; 'binary': the output's
 * shape, but for dimensions of size 1.
 */
export function decide(
  name: string,
  output: Tensor,
  target: Tensor,
  options: DecisionOptions = {},
): Decisions {
  const task = options.task ?? (output.ndim >= 2 && output.shape[1] > 1 ? 'classes' : 'binary');
  if (task === 'binary') {
    const [scores, truth] = aligned(name, output, target);
    return {
      task,
      classes: 2,
      predicted: scores.gt(options.threshold ?? 0.5).reshape([-1]),
      actual: yes(truth).reshape([-1]),
    };
  }
  if (output.ndim < 2) {
    throw new ShapeError(`${name}: scores of classes have shape [N, C, ...], got ${showShape(output.shape)}`);
  }
  const classes = output.shape[1];
  return {
    task,
    classes,
    predicted: output.argmax(1).reshape([-1]),
    actual: classNumbers(name, output, target).reshape([-1]),
  };
}

/** Class numbers, int64, in the shape of the output without its dimension 1. */
export function classNumbers(name: string, output: Tensor, target: Tensor): Tensor {
  const wanted = [output.shape[0], ...output.shape.slice(2)];
  const scores = target.ndim === output.ndim && target.shape.every((size, d) => size === output.shape[d]);
  if (scores && isFloat(target.dtype)) return target.argmax(1);
  const fits = target.numel() === wanted.reduce((a, b) => a * b, 1) && target.shape[0] === wanted[0];
  if (!fits) {
    throw new ShapeError(
      `${name}: output ${showShape(output.shape)} wants class numbers of shape ${showShape(wanted)}, or scores in its own ` +
        `shape, got ${showShape(target.shape)}`,
    );
  }
  if (isFloat(target.dtype) || target.dtype === 'bool') {
    throw new ArgumentError(
      `${name}: class numbers are integers, got ${target.dtype}; convert with .to('int64'), or pass { task: 'binary' }`,
    );
  }
  return target.to('int64').reshape(wanted);
}

/** Both in one shape; sizes of 1 may be missing, as in [N, 1] and [N]. */
export function aligned(name: string, output: Tensor, target: Tensor): readonly [Tensor, Tensor] {
  const squeezed = (t: Tensor) => t.shape.filter((size) => size !== 1).join();
  if (squeezed(output) !== squeezed(target)) {
    throw new ShapeError(
      `${name}: output ${showShape(output.shape)} and target ${showShape(target.shape)} must have the same shape, except for ` +
        'dimensions of size 1',
    );
  }
  return [output, target.reshape(output.shape)];
}

function yes(truth: Tensor): Tensor {
  if (truth.dtype === 'bool') return truth;
  return isFloat(truth.dtype) ? truth.gt(0.5) : truth.ne(0);
}
