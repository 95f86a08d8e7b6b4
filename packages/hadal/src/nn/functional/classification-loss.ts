/** Losses of scores or probabilities against classes. */

import { isFloat } from '../../base/dtype.js';
import { ArgumentError, DTypeError, ShapeError } from '../../base/errors.js';
import { checkOptions, type OptionNames } from '../../base/options.js';
import { sameShape, showShape } from '../../base/shape.js';
import { checkTensor, checkTensors } from '../../tensor/given.js';
import { onesLike, type Tensor } from '../../tensor/index.js';
import { checkFloat, pointwise } from './formula.js';
import type { LossOptions } from './reduction.js';
import { checkReduction, checkSameShape, reduceLoss } from './reduction.js';

export interface NllOptions extends LossOptions {
  /** [C]: how much each class counts. */
  readonly weight?: Tensor | null;
  /** Samples of this class do not count. None if not given; unlike in PyTorch, -100 then is an error like any other wrong class. */
  readonly ignoreIndex?: number | null;
}

export interface CrossEntropyOptions extends NllOptions {
  /** Share of each target that is spread evenly over all classes, 0 if not given; Szegedy et al. 2015. */
  readonly labelSmoothing?: number;
}

const nllNames: OptionNames<NllOptions> = { reduction: true, weight: true, ignoreIndex: true };

function checkWeight(name: string, weight: Tensor | null | undefined, classes: number): void {
  if (weight) checkTensor(name, 'the weight', weight);
  if (weight && !sameShape(weight.shape, [classes]))
    throw new ShapeError(
      `${name}: the weight of ${classes} classes is [${classes}], got ${showShape(weight.shape)}`,
    );
}

/** [C] so that it broadcasts over [N, C, ...]. */
function alongClasses(weight: Tensor, like: Tensor): Tensor {
  return weight.reshape(like.shape.map((_, d) => (d === 1 ? weight.numel() : 1)));
}

/** The class dimension is the second; a single sample [C] has none before it. */
function batched(t: Tensor, single: boolean): Tensor {
  return single ? t.unsqueeze(0) : t;
}

function checkClasses(name: string, scores: Tensor, target: Tensor): void {
  const single = scores.ndim === 1;
  const wanted = single ? [] : [scores.shape[0], ...scores.shape.slice(2)];
  if (scores.ndim === 0 || !sameShape(target.shape, wanted)) {
    throw new ShapeError(
      `${name}: logits ${showShape(scores.shape)} want targets ${scores.ndim === 0 ? '[N] and logits [N, C]' : showShape(wanted)}, ` +
        `got ${showShape(target.shape)}. Targets are class numbers, one a sample.`,
    );
  }
  if (isFloat(target.dtype) || target.dtype === 'bool') {
    throw new DTypeError(
      `${name}: targets are class numbers, int64 or int32, got ${target.dtype}; convert with .to('int64')`,
    );
  }
}

/** Sums of what a sample loses and of what it counts, to be divided for the mean. */
function weightedMean(loss: Tensor, counts: Tensor, reduction: LossOptions['reduction']): Tensor {
  const kind = checkReduction(reduction);
  return kind === 'mean' ? loss.sum().div(counts.sum()) : reduceLoss(loss, kind);
}

function classNll(logProbabilities: Tensor, target: Tensor, options: CrossEntropyOptions): Tensor {
  const { weight = null, ignoreIndex = null, labelSmoothing = 0 } = options;
  const plain = weight === null && ignoreIndex === null && labelSmoothing === 0;
  if (plain) {
    const picked = logProbabilities.gather(1, target.unsqueeze(1)).squeeze(1);
    return reduceLoss(picked.neg(), options.reduction);
  }
  const counted = ignoreIndex === null ? null : target.ne(ignoreIndex);
  const index = (counted === null ? target : target.where(counted, 0)).unsqueeze(1);
  const masked = (t: Tensor): Tensor => (counted === null ? t : t.where(counted, 0));
  const picked = logProbabilities.gather(1, index).squeeze(1).neg();
  const ones = onesLike(picked);
  // A table [N, C, ...] to look the class weights up in, as gather wants it.
  const table =
    weight &&
    alongClasses(weight.to(logProbabilities.dtype), logProbabilities).expand(logProbabilities.shape);
  const counts = masked(table ? table.gather(1, index).squeeze(1) : counted ? ones.where(counted, 0) : ones);
  const nll = masked(table ? picked.mul(counts) : picked);
  if (labelSmoothing === 0) return weightedMean(nll, counts, options.reduction);
  const classes = logProbabilities.shape[1];
  const all = table ? logProbabilities.mul(table) : logProbabilities;
  const smooth = masked(all.sum(1).neg());
  const loss = nll.mul(1 - labelSmoothing).add(smooth.mul(labelSmoothing / classes));
  return weightedMean(loss, counts, options.reduction);
}

function probabilityNll(
  logProbabilities: Tensor,
  target: Tensor,
  { weight = null, labelSmoothing = 0, reduction }: CrossEntropyOptions,
): Tensor {
  const classes = logProbabilities.shape[1];
  const smoothed =
    labelSmoothing === 0 ? target : target.mul(1 - labelSmoothing).add(labelSmoothing / classes);
  const terms = logProbabilities.mul(smoothed);
  const loss = (weight ? terms.mul(alongClasses(weight, terms)) : terms).sum(1).neg();
  return reduceLoss(loss, reduction);
}

/**
 * The negative log likelihood of the target under the softmax of the logits. With `reduction: 'mean'` class targets are averaged by
 * their weights, probability targets over the samples.
 *
 * @param logits [N, C] or [N, C, d1, ...] or [C]
 * @param target class numbers 0 to C - 1, int64 or int32, [N] or [N, d1, ...] or []; or probabilities, float, of the shape of the logits
 * @throws ShapeError, DTypeError if they do not fit; IndexError when the loss is computed if a class is out of range.
 * @example
 * ```ts
 * import { functional as F, tensor, zeros } from 'hadal';
 * const loss = F.crossEntropy(zeros([2, 10]), tensor([3n, 7n]));
 * console.log(Number(loss.itemSync()).toFixed(4)); // 2.3026
 * ```
 */
export function crossEntropy(logits: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  checkTensors('crossEntropy', { logits, target }, options);
  checkOptions('crossEntropy', options, { ...nllNames, labelSmoothing: true });
  checkTensor('crossEntropy', 'the input', logits);
  checkTensor('crossEntropy', 'the target', target);
  const { labelSmoothing = 0 } = options;
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
    throw new ArgumentError(`crossEntropy: labelSmoothing is from 0 to 1, got ${labelSmoothing}`);
  const probabilities = isFloat(target.dtype) && logits.ndim > 0 && sameShape(target.shape, logits.shape);
  if (!probabilities) checkClasses('crossEntropy', logits, target);
  checkFloat('crossEntropy', logits);
  const single = logits.ndim === 1;
  const log = batched(logits, single).logSoftmax(1);
  checkWeight('crossEntropy', options.weight, log.shape[1]);
  const loss = probabilities
    ? probabilityNll(log, batched(target, single), options)
    : classNll(log, batched(target, single), options);
  return single && loss.ndim > 0 ? loss.squeeze(0) : loss;
}

/**
 * The negative log likelihood of the target class, given log probabilities.
 *
 * @param logProbabilities [N, C] or [N, C, d1, ...] or [C], as from `logSoftmax`
 * @param target class numbers 0 to C - 1, int64 or int32
 */
export function nllLoss(logProbabilities: Tensor, target: Tensor, options: NllOptions = {}): Tensor {
  checkTensors('nllLoss', { logProbabilities, target }, options);
  checkOptions('nllLoss', options, nllNames);
  checkTensor('nllLoss', 'the input', logProbabilities);
  checkTensor('nllLoss', 'the target', target);
  checkClasses('nllLoss', logProbabilities, target);
  checkFloat('nllLoss', logProbabilities);
  const single = logProbabilities.ndim === 1;
  const log = batched(logProbabilities, single);
  checkWeight('nllLoss', options.weight, log.shape[1]);
  const loss = classNll(log, batched(target, single), options);
  return single && loss.ndim > 0 ? loss.squeeze(0) : loss;
}

/**
 * -(y log p + (1 - y) log(1 - p)), both logarithms at least -100.
 *
 * @param input probabilities from 0 to 1
 * @param target of the same shape, from 0 to 1
 * @param options.weight broadcast, how much each element counts
 */
export function binaryCrossEntropy(
  input: Tensor,
  target: Tensor,
  options: LossOptions & { weight?: Tensor | null } = {},
): Tensor {
  checkTensors('binaryCrossEntropy', { input, target }, options);
  checkSameShape('binaryCrossEntropy', input, target);
  // exp(-100) rounds to 0 in float32: below it the logarithm is cut, and taken of 1 so that its gradient is finite.
  const smallest = Math.exp(-100);
  const log = (p: Tensor): Tensor =>
    pointwise('binaryCrossEntropy', p, (f, v) => {
      const cut = f.le(v, smallest);
      return f.where(cut, -100, f.unary('log', f.where(cut, 1, v)));
    });
  const yes = target.mul(log(input));
  const no = target
    .neg()
    .add(1)
    .mul(log(input.neg().add(1)));
  const loss = yes.add(no).neg();
  return reduceLoss(options.weight ? loss.mul(options.weight) : loss, options.reduction);
}

/**
 * `binaryCrossEntropy` of the sigmoid of the logits, without overflow.
 *
 * @param logits of any shape
 * @param target of the same shape, from 0 to 1
 * @param options.weight broadcast, how much each element counts
 * @param options.posWeight broadcast, how much more positive targets count
 * @example
 * ```ts
 * import { functional as F, tensor } from 'hadal';
 * const loss = F.binaryCrossEntropyWithLogits(tensor([0, 1000]), tensor([1, 1]), { reduction: 'sum' });
 * console.log(loss.itemSync().toFixed(4)); // 0.6931
 * ```
 */
export function binaryCrossEntropyWithLogits(
  logits: Tensor,
  target: Tensor,
  options: LossOptions & { weight?: Tensor | null; posWeight?: Tensor | null } = {},
): Tensor {
  checkTensors('binaryCrossEntropyWithLogits', { logits, target }, options);
  checkSameShape('binaryCrossEntropyWithLogits', logits, target);
  const { weight = null, posWeight = null } = options;
  const miss = pointwise('binaryCrossEntropyWithLogits', logits.neg(), (f, v) => f.softplus(v));
  const counted = posWeight === null ? miss : miss.mul(posWeight.sub(1).mul(target).add(1));
  const loss = target.neg().add(1).mul(logits).add(counted);
  return reduceLoss(weight ? loss.mul(weight) : loss, options.reduction);
}

/**
 * The Kullback-Leibler divergence y (log y - x), where y is a probability and x the log of one. 'mean' divides by the number of elements,
 * 'batchmean' by that of samples, which is the divergence of the textbooks.
 *
 * @param options.logTarget whether the target is a log probability too
 */
export function klDiv(
  input: Tensor,
  target: Tensor,
  options: { reduction?: LossOptions['reduction'] | 'batchmean'; logTarget?: boolean } = {},
): Tensor {
  checkTensors('klDiv', { input, target }, options);
  checkFloat('klDiv', input);
  checkSameShape('klDiv', input, target);
  const { reduction = 'mean', logTarget = false } = options;
  let loss: Tensor;
  if (logTarget) loss = target.exp().mul(target.sub(input));
  else {
    // 0 log 0 is 0.
    const positive = target.gt(0);
    const entropy = target.mul(target.where(positive, 1).log()).where(positive, 0);
    loss = entropy.sub(target.mul(input));
  }
  if (reduction === 'batchmean') return loss.sum().div(Math.max(input.shape[0] ?? 1, 1));
  return reduceLoss(loss, reduction);
}

/** log(1 + exp(-y x)) with y of 1 and -1. */
export function softMarginLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkTensors('softMarginLoss', { input, target }, options);
  checkSameShape('softMarginLoss', input, target);
  const loss = pointwise('softMarginLoss', target.neg().mul(input), (f, v) => f.softplus(v));
  return reduceLoss(loss, options.reduction);
}

/**
 * The mean over classes of the binary cross entropy of each.
 *
 * @param input [..., C] logits
 * @param target [..., C] of 0 and 1
 */
export function multilabelSoftMarginLoss(
  input: Tensor,
  target: Tensor,
  options: LossOptions & { weight?: Tensor | null } = {},
): Tensor {
  checkTensors('multilabelSoftMarginLoss', { input, target }, options);
  const loss = binaryCrossEntropyWithLogits(input, target, {
    weight: options.weight ?? null,
    reduction: 'none',
  });
  return reduceLoss(loss.mean(-1), options.reduction);
}
