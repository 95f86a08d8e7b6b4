/** Elements that change places: padding, and channels that become pixels. */
import { ArgumentError, ShapeError } from '../../base/errors.js';
import type { Shape } from '../../base/shape.js';
import { showShape } from '../../base/shape.js';
import { checkTensors } from '../../tensor/given.js';
import type { PadMode, Tensor } from '../../tensor/index.js';

/**
 * Elements around a tensor.
 *
 * @param amounts pairs (in front, behind) for the last dimension, then the one before it, and so on; negative ones cut off
 * @param options.mode 'constant' (the default), 'reflect', 'replicate' or 'circular'
 * @param options.value what a constant padding is made of, 0 if not given
 * @throws ArgumentError for amounts that are no pairs; ShapeError where there is too little to reflect or to cut off.
 * @example
 * ```ts
 * import { functional as F, tensor } from 'hadal';
 * console.log(F.pad(tensor([1, 2, 3]), [2, 1], { mode: 'replicate' }).tolistSync()); // [ 1, 1, 1, 2, 3, 3 ]
 * ```
 */
export function pad(
  x: Tensor,
  amounts: readonly number[],
  options: { readonly mode?: PadMode; readonly value?: number } = {},
): Tensor {
  checkTensors('pad', { x }, options);
  return x.pad(amounts, options);
}

function checkFactor(name: string, what: string, factor: number): void {
  if (!Number.isInteger(factor) || factor < 1)
    throw new ArgumentError(`${name}: ${what} is a whole number from 1, got ${factor}`);
}

/** The sizes before the last three dimensions, and those three. */
function split(
  name: string,
  x: Tensor,
): readonly [lead: Shape, channels: number, height: number, width: number] {
  if (x.ndim < 3) throw new ShapeError(`${name}: the input is [..., C, H, W], got ${showShape(x.shape)}`);
  const [channels, height, width] = x.shape.slice(-3);
  return [x.shape.slice(0, -3), channels, height, width];
}

/**
 * Channels as pixels: [..., C r^2, H, W] to [..., C, H r, W r]; Shi et al. 2016.
 *
 * @throws ShapeError if the channels do not divide by r^2.
 * @example
 * ```ts
 * import { functional as F, ones } from 'hadal';
 * console.log(F.pixelShuffle(ones([1, 8, 4, 4]), 2).shape); // [ 1, 2, 8, 8 ]
 * ```
 */
export function pixelShuffle(x: Tensor, upscaleFactor: number): Tensor {
  checkTensors('pixelShuffle', { x });
  checkFactor('pixelShuffle', 'the factor', upscaleFactor);
  const factor = upscaleFactor;
  const [lead, channels, height, width] = split('pixelShuffle', x);
  if (channels % factor ** 2 !== 0)
    throw new ShapeError(
      `pixelShuffle: the channels of ${showShape(x.shape)} do not divide by ${factor} x ${factor}`,
    );
  const out = channels / factor ** 2;
  const n = lead.length;
  return x
    .reshape([...lead, out, factor, factor, height, width])
    .permute([...lead.keys(), n, n + 3, n + 1, n + 4, n + 2])
    .reshape([...lead, out, height * factor, width * factor]);
}

/**
 * Pixels as channels, the way back from `pixelShuffle`: [..., C, H r, W r] to [..., C r^2, H, W].
 *
 * @throws ShapeError if height or width do not divide by r.
 */
export function pixelUnshuffle(x: Tensor, downscaleFactor: number): Tensor {
  checkTensors('pixelUnshuffle', { x });
  checkFactor('pixelUnshuffle', 'the factor', downscaleFactor);
  const factor = downscaleFactor;
  const [lead, channels, height, width] = split('pixelUnshuffle', x);
  if (height % factor !== 0 || width % factor !== 0)
    throw new ShapeError(
      `pixelUnshuffle: height and width of ${showShape(x.shape)} do not divide by ${factor}`,
    );
  const n = lead.length;
  return x
    .reshape([...lead, channels, height / factor, factor, width / factor, factor])
    .permute([...lead.keys(), n, n + 2, n + 4, n + 1, n + 3])
    .reshape([...lead, channels * factor ** 2, height / factor, width / factor]);
}

/**
 * Channels of `groups` groups in turn, so that the next grouped convolution sees all of them; Zhang et al. 2018.
 *
 * @param x [N, C, ...] of three dimensions or more
 * @throws ShapeError if the channels do not divide by the number of groups.
 */
export function channelShuffle(x: Tensor, groups: number): Tensor {
  checkTensors('channelShuffle', { x });
  checkFactor('channelShuffle', 'the number of groups', groups);
  if (x.ndim < 3)
    throw new ShapeError(`channelShuffle: the input is [N, C, ...] and more, got ${showShape(x.shape)}`);
  const [batch, channels, ...rest] = x.shape;
  if (channels % groups !== 0)
    throw new ShapeError(`channelShuffle: ${channels} channels do not divide into ${groups} groups`);
  return x
    .reshape([batch, groups, channels / groups, ...rest])
    .transpose(1, 2)
    .reshape(x.shape);
}
