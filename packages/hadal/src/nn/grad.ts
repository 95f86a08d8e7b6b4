/**
 * Gradients of convolutions by themselves, as in `torch.nn.grad`: what `backward` would give the input or the weight, without computing
 * the convolution. `options` are those that the convolution had.
 */
import type { ConvDims } from '../base/attributes.js';
import { isFloat } from '../base/dtype.js';
import { ArgumentError, DTypeError, ShapeError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { showShape } from '../base/shape.js';
import { convInputGradient, convKernelGradient } from '../graph/ops/conv.js';
import { checkTensor } from '../tensor/given.js';
import { Tensor } from '../tensor/index.js';
import type { ConvOptions } from './functional/convolution.js';
import { checkResult, checkSizes, dimsOf } from './functional/convolution.js';

function checkSize(op: string, name: string, size: Shape): void {
  if (!Array.isArray(size) || size.some((s) => !Number.isSafeInteger(s) || s < 0))
    throw new ArgumentError(`${op}: ${name} is a list of sizes, got ${JSON.stringify(size)}`);
}

/** Checks everything that the convolution would, and that the gradient is one of its result. */
function checked(
  op: string,
  rank: number,
  input: Shape,
  weight: Shape,
  operand: Tensor,
  gradOutput: Tensor,
  options: ConvOptions,
): ConvDims {
  checkTensor(op, 'the gradient of the result', gradOutput);
  const groups = options.groups ?? 1;
  checkSizes(op, input, weight, rank, groups, (weight[1] ?? 0) * groups, weight[0] ?? 0);
  if (!isFloat(operand.dtype) || gradOutput.dtype !== operand.dtype)
    throw new DTypeError(
      `${op}: the operands are of one float dtype, got ${operand.dtype} and ${gradOutput.dtype}; convert with .to(...)`,
    );
  const dims = dimsOf(op, rank, weight, options);
  const isBatch = input.length === rank + 2;
  const result = checkResult(op, isBatch ? input : [1, ...input], weight, dims);
  const wanted = isBatch ? result : result.slice(1);
  const given = gradOutput.shape;
  if (given.length !== wanted.length || given.some((s, i) => s !== wanted[i])) {
    throw new ShapeError(
      `${op}: the convolution of ${showShape(input)} with ${showShape(weight)} gives ${showShape(wanted)}, ` +
        `which its gradient has to be; got ${showShape(given)}`,
    );
  }
  return dims;
}

function inputGradient(
  op: string,
  rank: number,
  inputSize: Shape,
  weight: Tensor,
  gradOutput: Tensor,
  options: ConvOptions,
): Tensor {
  checkSize(op, 'inputSize', inputSize);
  checkTensor(op, 'the weight', weight);
  const dims = checked(op, rank, inputSize, weight.shape, weight, gradOutput, options);
  const isBatch = inputSize.length === rank + 2;
  const gradient = isBatch ? gradOutput : gradOutput.unsqueeze(0);
  const { workspace } = gradient;
  const size = isBatch ? inputSize : [1, ...inputSize];
  const found = convInputGradient(workspace.ops, gradient.value, weight.value, size, dims);
  const result = Tensor.of(workspace, found);
  return isBatch ? result : result.squeeze(0);
}

function weightGradient(
  op: string,
  rank: number,
  input: Tensor,
  weightSize: Shape,
  gradOutput: Tensor,
  options: ConvOptions,
): Tensor {
  checkSize(op, 'weightSize', weightSize);
  checkTensor(op, 'the input', input);
  const dims = checked(op, rank, input.shape, weightSize, input, gradOutput, options);
  const isBatch = input.ndim === rank + 2;
  const [x, gradient] = isBatch ? [input, gradOutput] : [input.unsqueeze(0), gradOutput.unsqueeze(0)];
  const { workspace } = x;
  return Tensor.of(workspace, convKernelGradient(workspace.ops, x.value, gradient.value, weightSize, dims));
}

/** The gradient of `conv1d` for its input, [N, C, L] or [C, L]; see `conv2dInput`. */
export function conv1dInput(
  inputSize: Shape,
  weight: Tensor,
  gradOutput: Tensor,
  options: ConvOptions = {},
): Tensor {
  return inputGradient('conv1dInput', 1, inputSize, weight, gradOutput, options);
}

/** The gradient of `conv1d` for its weight, [O, C / groups, K]; see `conv2dWeight`. */
export function conv1dWeight(
  input: Tensor,
  weightSize: Shape,
  gradOutput: Tensor,
  options: ConvOptions = {},
): Tensor {
  return weightGradient('conv1dWeight', 1, input, weightSize, gradOutput, options);
}

/**
 * The gradient of `functional.conv2d` for its input.
 *
 * @param inputSize the input's shape, [N, C, H, W] or [C, H, W]: with a stride, inputs of several sizes have results of the same size
 * @param weight [O, C / groups, KH, KW]
 * @param gradOutput the gradient of the result, of the result's shape
 * @param options those of the convolution
 * @returns a tensor of the shape `inputSize`; gradients flow on to `weight` and `gradOutput`
 * @throws ShapeError, DTypeError if the operands do not fit; ArgumentError for options or sizes out of range.
 * @example
 * ```ts
 * import { nn, ones } from 'hadal';
 * const dx = nn.grad.conv2dInput([1, 1, 1, 4], ones([1, 1, 1, 2]), ones([1, 1, 1, 3]));
 * console.log(dx.flatten().tolistSync()); // [ 1, 2, 2, 1 ]
 * ```
 */
export function conv2dInput(
  inputSize: Shape,
  weight: Tensor,
  gradOutput: Tensor,
  options: ConvOptions = {},
): Tensor {
  return inputGradient('conv2dInput', 2, inputSize, weight, gradOutput, options);
}

/**
 * The gradient of `functional.conv2d` for its weight.
 *
 * @param input [N, C, H, W] or [C, H, W]
 * @param weightSize the weight's shape, [O, C / groups, KH, KW]
 * @param gradOutput the gradient of the result, of the result's shape
 * @param options those of the convolution
 * @returns a tensor of the shape `weightSize`; gradients flow on to `input` and `gradOutput`
 * @throws ShapeError, DTypeError if the operands do not fit; ArgumentError for options or sizes out of range.
 * @example
 * ```ts
 * import { arange, nn, ones } from 'hadal';
 * const x = arange(9).to('float32').reshape([1, 1, 3, 3]);
 * const dw = nn.grad.conv2dWeight(x, [1, 1, 2, 2], ones([1, 1, 2, 2]));
 * console.log(dw.flatten().tolistSync()); // [ 8, 12, 20, 24 ]
 * ```
 */
export function conv2dWeight(
  input: Tensor,
  weightSize: Shape,
  gradOutput: Tensor,
  options: ConvOptions = {},
): Tensor {
  return weightGradient('conv2dWeight', 2, input, weightSize, gradOutput, options);
}

/** The gradient of `conv3d` for its input, [N, C, D, H, W] or [C, D, H, W]; see `conv2dInput`. */
export function conv3dInput(
  inputSize: Shape,
  weight: Tensor,
  gradOutput: Tensor,
  options: ConvOptions = {},
): Tensor {
  return inputGradient('conv3dInput', 3, inputSize, weight, gradOutput, options);
}

/** The gradient of `conv3d` for its weight, [O, C / groups, KD, KH, KW]; see `conv2dWeight`. */
export function conv3dWeight(
  input: Tensor,
  weightSize: Shape,
  gradOutput: Tensor,
  options: ConvOptions = {},
): Tensor {
  return weightGradient('conv3dWeight', 3, input, weightSize, gradOutput, options);
}
