/** Padding as layers; each is `functional.pad` with a mode and an amount of its own. */
import { ShapeError } from '../../base/errors.js';
import { showShape } from '../../base/shape.js';
import { tensorOf } from '../../tensor/given.js';
import type { PadMode, Tensor } from '../../tensor/index.js';
import type { Config } from '../config/json.js';
import { type Sizes, sizeList } from '../functional/convolution.js';
import { Module } from '../module.js';

/** Negative amounts cut off. */
const LEAST = -(2 ** 31);

abstract class Padding extends Module {
  /** (in front, behind) for the last dimension, then the one before it, and so on. */
  readonly padding: readonly number[];
  readonly #rank: number;
  readonly #mode: PadMode;

  /** @param padding one amount for all sides, or a pair for each dimension, the last one first */
  constructor(name: string, rank: number, mode: PadMode, padding: Sizes) {
    super();
    this.padding = sizeList(name, 'padding', padding, 2 * rank, LEAST);
    this.#rank = rank;
    this.#mode = mode;
  }

  protected get filling(): number {
    return 0;
  }

  override forward(x: Tensor): Tensor {
    const name = this.constructor.name;
    if (tensorOf(name, x).ndim < this.#rank)
      throw new ShapeError(
        `${name}: the input has ${this.#rank} dimensions or more, got ${showShape(x.shape)}`,
      );
    return x.pad(this.padding, { mode: this.#mode, value: this.filling });
  }

  override config(): Config {
    return { padding: this.padding };
  }
}

/** Pads the last dimension by what lies inside of its edges, mirrored. */
export class ReflectionPad1d extends Padding {
  constructor(padding: Sizes) {
    super('ReflectionPad1d', 1, 'reflect', padding);
  }
}

/**
 * Pads the last two dimensions by what lies inside of their edges, mirrored.
 *
 * @example
 * ```ts
 * import { nn, tensor } from 'hadal';
 * console.log(new nn.ReflectionPad2d([1, 0, 0, 0]).forward(tensor([[[1, 2], [3, 4]]])).tolistSync()); // [ [ [ 2, 1, 2 ], [ 4, 3, 4 ] ] ]
 * ```
 */
export class ReflectionPad2d extends Padding {
  constructor(padding: Sizes) {
    super('ReflectionPad2d', 2, 'reflect', padding);
  }
}

/** Pads the last three dimensions by what lies inside of their edges, mirrored. */
export class ReflectionPad3d extends Padding {
  constructor(padding: Sizes) {
    super('ReflectionPad3d', 3, 'reflect', padding);
  }
}

/** Pads the last dimension by its edges. */
export class ReplicationPad1d extends Padding {
  constructor(padding: Sizes) {
    super('ReplicationPad1d', 1, 'replicate', padding);
  }
}

/** Pads the last two dimensions by their edges. */
export class ReplicationPad2d extends Padding {
  constructor(padding: Sizes) {
    super('ReplicationPad2d', 2, 'replicate', padding);
  }
}

/** Pads the last three dimensions by their edges. */
export class ReplicationPad3d extends Padding {
  constructor(padding: Sizes) {
    super('ReplicationPad3d', 3, 'replicate', padding);
  }
}

/** Pads the last dimension by zeros. */
export class ZeroPad1d extends Padding {
  constructor(padding: Sizes) {
    super('ZeroPad1d', 1, 'constant', padding);
  }
}

/** Pads the last two dimensions by zeros. */
export class ZeroPad2d extends Padding {
  constructor(padding: Sizes) {
    super('ZeroPad2d', 2, 'constant', padding);
  }
}

/** Pads the last three dimensions by zeros. */
export class ZeroPad3d extends Padding {
  constructor(padding: Sizes) {
    super('ZeroPad3d', 3, 'constant', padding);
  }
}

/** Pads the last dimension by its other end. */
export class CircularPad1d extends Padding {
  constructor(padding: Sizes) {
    super('CircularPad1d', 1, 'circular', padding);
  }
}

/** Pads the last two dimensions by their other ends. */
export class CircularPad2d extends Padding {
  constructor(padding: Sizes) {
    super('CircularPad2d', 2, 'circular', padding);
  }
}

/** Pads the last three dimensions by their other ends. */
export class CircularPad3d extends Padding {
  constructor(padding: Sizes) {
    super('CircularPad3d', 3, 'circular', padding);
  }
}

abstract class ConstantPadding extends Padding {
  readonly value: number;

  constructor(name: string, rank: number, padding: Sizes, value: number) {
    super(name, rank, 'constant', padding);
    this.value = value;
  }

  protected override get filling(): number {
    return this.value;
  }

  override config(): Config {
    return { ...super.config(), value: this.value };
  }
}

/** Pads the last dimension by a number. */
export class ConstantPad1d extends ConstantPadding {
  constructor(padding: Sizes, value: number) {
    super('ConstantPad1d', 1, padding, value);
  }
}

/** Pads the last two dimensions by a number. */
export class ConstantPad2d extends ConstantPadding {
  constructor(padding: Sizes, value: number) {
    super('ConstantPad2d', 2, padding, value);
  }
}

/** Pads the last three dimensions by a number. */
export class ConstantPad3d extends ConstantPadding {
  constructor(padding: Sizes, value: number) {
    super('ConstantPad3d', 3, padding, value);
  }
}
