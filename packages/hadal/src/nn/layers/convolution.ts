/** Convolutions with learned kernels. */

import { ArgumentError } from '../../base/errors.js';
import { checkOptions, type OptionNames } from '../../base/options.js';
import { numel } from '../../base/shape.js';
import type { Tensor } from '../../tensor/index.js';
import type { Config } from '../config/json.js';
import type { ConvOptions, ConvTransposeOptions, Sizes } from '../functional/convolution.js';
import {
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  paddingList,
  sizeList,
} from '../functional/convolution.js';
import { checkSize, Module } from '../module.js';
import type { Parameter } from '../parameter.js';
import { uniformParameter } from './initial.js';

type Padding = NonNullable<ConvOptions['padding']>;

/** One number where all are the same. */
function short(sizes: readonly number[]): number | readonly number[] {
  return sizes.every((s) => s === sizes[0]) ? sizes[0] : sizes;
}

function checkGroups(name: string, channels: readonly number[], groups: number): void {
  checkSize(name, 'groups', groups);
  if (channels.some((c) => c % groups !== 0))
    throw new ArgumentError(
      `${name}: groups divides both channel counts, got ${groups} for ${channels.join(' and ')}`,
    );
}

/** What all convolutions have. */
abstract class Convolution extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
  weight: Parameter;
  bias: Parameter | null;

  constructor(
    name: string,
    rank: number,
    weightOf: (inChannels: number, outChannels: number, groups: number) => readonly [number, number],
    inChannels: number,
    outChannels: number,
    kernelSize: Sizes,
    options: { stride?: Sizes; dilation?: Sizes; groups?: number; bias?: boolean },
  ) {
    super();
    this.inChannels = checkSize(name, 'inChannels', inChannels);
    this.outChannels = checkSize(name, 'outChannels', outChannels);
    this.kernelSize = sizeList(name, 'kernelSize', kernelSize, rank, 1);
    this.stride = sizeList(name, 'stride', options.stride ?? 1, rank, 1);
    this.dilation = sizeList(name, 'dilation', options.dilation ?? 1, rank, 1);
    this.groups = options.groups ?? 1;
    checkGroups(name, [inChannels, outChannels], this.groups);
    const [first, second] = weightOf(inChannels, outChannels, this.groups);
    // The kaiming uniform initialisation with a = sqrt(5), which comes to this.
    const bound = 1 / Math.sqrt(second * numel(this.kernelSize));
    this.weight = uniformParameter([first, second, ...this.kernelSize], bound);
    this.bias = (options.bias ?? true) ? uniformParameter([outChannels], bound) : null;
  }

  override config(): Config {
    return {
      inChannels: this.inChannels,
      outChannels: this.outChannels,
      kernelSize: short(this.kernelSize),
      stride: short(this.stride),
      dilation: short(this.dilation),
      groups: this.groups,
      bias: this.bias !== null,
    };
  }

  /** Settings that are not the usual ones, as PyTorch shows them. */
  protected override describe(): string {
    const { inChannels, outChannels, ...rest } = this.config() ?? {};
    const usual: { readonly [name: string]: unknown } = {
      padding: 0,
      outputPadding: 0,
      dilation: 1,
      groups: 1,
      bias: true,
    };
    const shown = Object.entries(rest).filter(([k, v]) => usual[k] !== v);
    return [inChannels, outChannels, ...shown.map(([k, v]) => `${k}=${JSON.stringify(v)}`)].join(', ');
  }
}

export interface ConvLayerOptions extends ConvOptions {
  readonly bias?: boolean;
}

const convNames: OptionNames<ConvLayerOptions> = {
  stride: true,
  padding: true,
  dilation: true,
  groups: true,
  bias: true,
};

abstract class Forward extends Convolution {
  readonly padding: Padding;

  constructor(
    name: string,
    rank: number,
    inChannels: number,
    outChannels: number,
    kernelSize: Sizes,
    options: ConvLayerOptions,
  ) {
    checkOptions(name, options, convNames);
    super(name, rank, (i, o, g) => [o, i / g], inChannels, outChannels, kernelSize, options);
    this.padding = paddingList(name, options.padding ?? 0, rank);
  }

  protected get options(): ConvOptions {
    const { stride, padding, dilation, groups } = this;
    return { stride, padding, dilation, groups };
  }

  override config(): Config {
    const { padding } = this;
    return { ...super.config(), padding: typeof padding === 'object' ? short(padding) : padding };
  }
}

/** Convolution over [N, C, L] or [C, L]. The weight is [out, in / groups, k]. */
export class Conv1d extends Forward {
  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, options: ConvLayerOptions = {}) {
    super('Conv1d', 1, inChannels, outChannels, kernelSize, options);
  }

  override forward(x: Tensor): Tensor {
    return conv1d(x, this.weight, this.bias, this.options);
  }
}

/**
 * Convolution over [N, C, H, W] or [C, H, W]. The weight is [out, in / groups, kh, kw]; weight and bias start uniform in
 * +-1/sqrt(in / groups kh kw), as in PyTorch.
 *
 * @example
 * ```ts
 * import { nn, ones } from 'hadal';
 * const layer = new nn.Conv2d(3, 16, 3, { stride: 2, padding: 1 });
 * console.log(layer.forward(ones([8, 3, 32, 32])).shape); // [ 8, 16, 16, 16 ]
 * console.log(String(layer)); // Conv2d(3, 16, kernelSize=3, stride=2, padding=1)
 * ```
 */
export class Conv2d extends Forward {
  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, options: ConvLayerOptions = {}) {
    super('Conv2d', 2, inChannels, outChannels, kernelSize, options);
  }

  override forward(x: Tensor): Tensor {
    return conv2d(x, this.weight, this.bias, this.options);
  }
}

/** Convolution over [N, C, D, H, W] or [C, D, H, W]. */
export class Conv3d extends Forward {
  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, options: ConvLayerOptions = {}) {
    super('Conv3d', 3, inChannels, outChannels, kernelSize, options);
  }

  override forward(x: Tensor): Tensor {
    return conv3d(x, this.weight, this.bias, this.options);
  }
}

export interface ConvTransposeLayerOptions extends ConvTransposeOptions {
  readonly bias?: boolean;
}

abstract class Transpose extends Convolution {
  readonly padding: readonly number[];
  readonly outputPadding: readonly number[];

  constructor(
    name: string,
    rank: number,
    inChannels: number,
    outChannels: number,
    kernelSize: Sizes,
    options: ConvTransposeLayerOptions,
  ) {
    checkOptions(name, options, { ...convNames, outputPadding: true });
    super(name, rank, (i, o, g) => [i, o / g], inChannels, outChannels, kernelSize, options);
    this.padding = sizeList(name, 'padding', options.padding ?? 0, rank, 0);
    this.outputPadding = sizeList(name, 'outputPadding', options.outputPadding ?? 0, rank, 0);
  }

  protected get options(): ConvTransposeOptions {
    const { stride, padding, outputPadding, dilation, groups } = this;
    return { stride, padding, outputPadding, dilation, groups };
  }

  override config(): Config {
    return {
      ...super.config(),
      padding: short(this.padding),
      outputPadding: short(this.outputPadding),
    };
  }
}

/** The transpose of `Conv1d`, from out to in. The weight is [in, out / groups, k]. */
export class ConvTranspose1d extends Transpose {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Sizes,
    options: ConvTransposeLayerOptions = {},
  ) {
    super('ConvTranspose1d', 1, inChannels, outChannels, kernelSize, options);
  }

  override forward(x: Tensor): Tensor {
    return convTranspose1d(x, this.weight, this.bias, this.options);
  }
}

/** The transpose of `Conv2d`: makes images larger. The weight is [in, out / groups, kh, kw]. */
export class ConvTranspose2d extends Transpose {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Sizes,
    options: ConvTransposeLayerOptions = {},
  ) {
    super('ConvTranspose2d', 2, inChannels, outChannels, kernelSize, options);
  }

  override forward(x: Tensor): Tensor {
    return convTranspose2d(x, this.weight, this.bias, this.options);
  }
}
