/** Pooling as layers; each is the function of the same name in `functional`. */
import { checkOptions } from '../../base/options.js';
import type { Tensor } from '../../tensor/index.js';
import type { Config } from '../config/json.js';
import { type Sizes, sizeList } from '../functional/convolution.js';
import type { AvgPoolOptions, LPPoolOptions, MaxPoolOptions } from '../functional/pooling.js';
import {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  lpPool1d,
  lpPool2d,
  maxPool1d,
  maxPool2d,
  maxPool3d,
} from '../functional/pooling.js';
import { Module } from '../module.js';

function short(sizes: readonly number[]): number | readonly number[] {
  return sizes.every((s) => s === sizes[0]) ? sizes[0] : sizes;
}

abstract class Pool extends Module {
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly ceilMode: boolean;

  constructor(name: string, rank: number, kernelSize: Sizes, options: AvgPoolOptions) {
    super();
    this.kernelSize = sizeList(name, 'kernelSize', kernelSize, rank, 1);
    this.stride = sizeList(name, 'stride', options.stride ?? kernelSize, rank, 1);
    this.padding = sizeList(name, 'padding', options.padding ?? 0, rank, 0);
    this.ceilMode = options.ceilMode ?? false;
  }

  override config(): Config {
    return {
      kernelSize: short(this.kernelSize),
      stride: short(this.stride),
      padding: short(this.padding),
      ceilMode: this.ceilMode,
    };
  }
}

const poolNames = { stride: true, padding: true, ceilMode: true } as const;

abstract class MaxPool extends Pool {
  readonly dilation: readonly number[];

  constructor(name: string, rank: number, kernelSize: Sizes, options: MaxPoolOptions) {
    checkOptions(name, options, { ...poolNames, dilation: true });
    super(name, rank, kernelSize, options);
    this.dilation = sizeList(name, 'dilation', options.dilation ?? 1, rank, 1);
  }

  protected get options(): MaxPoolOptions {
    const { stride, padding, dilation, ceilMode } = this;
    return { stride, padding, dilation, ceilMode };
  }

  override config(): Config {
    return { ...super.config(), dilation: short(this.dilation) };
  }
}

abstract class AvgPool extends Pool {
  readonly countIncludePad: boolean;

  constructor(name: string, rank: number, kernelSize: Sizes, options: AvgPoolOptions) {
    checkOptions(name, options, { ...poolNames, countIncludePad: true });
    super(name, rank, kernelSize, options);
    this.countIncludePad = options.countIncludePad ?? true;
  }

  protected get options(): AvgPoolOptions {
    const { stride, padding, ceilMode, countIncludePad } = this;
    return { stride, padding, ceilMode, countIncludePad };
  }

  override config(): Config {
    return { ...super.config(), countIncludePad: this.countIncludePad };
  }
}

/** The largest element of each window of [N, C, L] or [C, L]. */
export class MaxPool1d extends MaxPool {
  constructor(kernelSize: Sizes, options: MaxPoolOptions = {}) {
    super('MaxPool1d', 1, kernelSize, options);
  }

  override forward(x: Tensor): Tensor {
    return maxPool1d(x, this.kernelSize, this.options);
  }
}

/**
 * The largest element of each window of [N, C, H, W] or [C, H, W].
 *
 * @example
 * ```ts
 * import { nn, ones } from 'hadal';
 * console.log(new nn.MaxPool2d(2).forward(ones([1, 3, 8, 8])).shape); // [ 1, 3, 4, 4 ]
 * ```
 */
export class MaxPool2d extends MaxPool {
  constructor(kernelSize: Sizes, options: MaxPoolOptions = {}) {
    super('MaxPool2d', 2, kernelSize, options);
  }

  override forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernelSize, this.options);
  }
}

/** The largest element of each window of [N, C, D, H, W] or [C, D, H, W]. */
export class MaxPool3d extends MaxPool {
  constructor(kernelSize: Sizes, options: MaxPoolOptions = {}) {
    super('MaxPool3d', 3, kernelSize, options);
  }

  override forward(x: Tensor): Tensor {
    return maxPool3d(x, this.kernelSize, this.options);
  }
}

/** The mean of each window of [N, C, L] or [C, L]. */
export class AvgPool1d extends AvgPool {
  constructor(kernelSize: Sizes, options: AvgPoolOptions = {}) {
    super('AvgPool1d', 1, kernelSize, options);
  }

  override forward(x: Tensor): Tensor {
    return avgPool1d(x, this.kernelSize, this.options);
  }
}

/** The mean of each window of [N, C, H, W] or [C, H, W]. */
export class AvgPool2d extends AvgPool {
  constructor(kernelSize: Sizes, options: AvgPoolOptions = {}) {
    super('AvgPool2d', 2, kernelSize, options);
  }

  override forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernelSize, this.options);
  }
}

/** The mean of each window of [N, C, D, H, W] or [C, D, H, W]. */
export class AvgPool3d extends AvgPool {
  constructor(kernelSize: Sizes, options: AvgPoolOptions = {}) {
    super('AvgPool3d', 3, kernelSize, options);
  }

  override forward(x: Tensor): Tensor {
    return avgPool3d(x, this.kernelSize, this.options);
  }
}

abstract class LPPool extends Module {
  readonly normType: number;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly ceilMode: boolean;

  constructor(name: string, rank: number, normType: number, kernelSize: Sizes, options: LPPoolOptions) {
    checkOptions(name, options, { stride: true, ceilMode: true });
    super();
    this.normType = normType;
    this.kernelSize = sizeList(name, 'kernelSize', kernelSize, rank, 1);
    this.stride = sizeList(name, 'stride', options.stride ?? kernelSize, rank, 1);
    this.ceilMode = options.ceilMode ?? false;
  }

  protected get options(): LPPoolOptions {
    return { stride: this.stride, ceilMode: this.ceilMode };
  }

  override config(): Config {
    const { normType, kernelSize, stride, ceilMode } = this;
    return { normType, kernelSize: short(kernelSize), stride: short(stride), ceilMode };
  }
}

/** (sum x^p)^(1/p) of each window of [N, C, L] or [C, L]. */
export class LPPool1d extends LPPool {
  constructor(normType: number, kernelSize: Sizes, options: LPPoolOptions = {}) {
    super('LPPool1d', 1, normType, kernelSize, options);
  }

  override forward(x: Tensor): Tensor {
    return lpPool1d(x, this.normType, this.kernelSize, this.options);
  }
}

/** (sum x^p)^(1/p) of each window of [N, C, H, W] or [C, H, W]. */
export class LPPool2d extends LPPool {
  constructor(normType: number, kernelSize: Sizes, options: LPPoolOptions = {}) {
    super('LPPool2d', 2, normType, kernelSize, options);
  }

  override forward(x: Tensor): Tensor {
    return lpPool2d(x, this.normType, this.kernelSize, this.options);
  }
}

/** A size, or one for height and width; null keeps the input's. */
export type OutputSize = number | readonly (number | null)[];

abstract class Adaptive extends Module {
  readonly outputSize: OutputSize;

  constructor(outputSize: OutputSize) {
    super();
    this.outputSize = outputSize;
  }

  override config(): Config {
    return { outputSize: this.outputSize };
  }
}

/** Means of as many windows as the output has elements. */
export class AdaptiveAvgPool2d extends Adaptive {
  override forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, this.outputSize);
  }
}

/** The largest elements of as many windows as the output has elements. */
export class AdaptiveMaxPool2d extends Adaptive {
  override forward(x: Tensor): Tensor {
    return adaptiveMaxPool2d(x, this.outputSize);
  }
}

abstract class AdaptiveRow extends Module {
  readonly outputSize: number | null;

  constructor(outputSize: number | null) {
    super();
    this.outputSize = outputSize;
  }

  override config(): Config {
    return { outputSize: this.outputSize };
  }
}

/** Means of as many windows of [N, C, L] as the output has elements. */
export class AdaptiveAvgPool1d extends AdaptiveRow {
  override forward(x: Tensor): Tensor {
    return adaptiveAvgPool1d(x, this.outputSize);
  }
}

/** The largest elements of as many windows of [N, C, L] as the output has elements. */
export class AdaptiveMaxPool1d extends AdaptiveRow {
  override forward(x: Tensor): Tensor {
    return adaptiveMaxPool1d(x, this.outputSize);
  }
}
