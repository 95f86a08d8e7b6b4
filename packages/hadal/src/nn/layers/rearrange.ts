/** Shuffles of channels and pixels as layers; each is the function of the same name in `functional`. */
import type { Tensor } from '../../tensor/index.js';
import type { Config } from '../config/json.js';
import { channelShuffle, pixelShuffle, pixelUnshuffle } from '../functional/rearrange.js';
import { Module } from '../module.js';

/**
 * Channels as pixels: [..., C r^2, H, W] to [..., C, H r, W r].
 *
 * @example
 * ```ts
 * import { nn, ones } from 'hadal';
 * console.log(new nn.PixelShuffle(3).forward(ones([1, 9, 4, 4])).shape); // [ 1, 1, 12, 12 ]
 * ```
 */
export class PixelShuffle extends Module {
  readonly upscaleFactor: number;

  constructor(upscaleFactor: number) {
    super();
    this.upscaleFactor = upscaleFactor;
  }

  override forward(x: Tensor): Tensor {
    return pixelShuffle(x, this.upscaleFactor);
  }

  override config(): Config {
    return { upscaleFactor: this.upscaleFactor };
  }
}

/** Pixels as channels: [..., C, H r, W r] to [..., C r^2, H, W]. */
export class PixelUnshuffle extends Module {
  readonly downscaleFactor: number;

  constructor(downscaleFactor: number) {
    super();
    this.downscaleFactor = downscaleFactor;
  }

  override forward(x: Tensor): Tensor {
    return pixelUnshuffle(x, this.downscaleFactor);
  }

  override config(): Config {
    return { downscaleFactor: this.downscaleFactor };
  }
}

/** Channels of groups in turn. */
export class ChannelShuffle extends Module {
  readonly groups: number;

  constructor(groups: number) {
    super();
    this.groups = groups;
  }

  override forward(x: Tensor): Tensor {
    return channelShuffle(x, this.groups);
  }

  override config(): Config {
    return { groups: this.groups };
  }
}
