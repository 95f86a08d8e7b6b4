/** Layers that change shapes, or nothing. */
import { ShapeError } from '../../base/errors.js';
import type { Shape } from '../../base/shape.js';
import { normalizeDim, showShape } from '../../base/shape.js';
import { tensorOf } from '../../tensor/given.js';
import type { Tensor } from '../../tensor/index.js';
import type { Config } from '../config/json.js';
import { Module } from '../module.js';

/** Dimensions `startDim` (1) to `endDim` (-1) as one. */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;

  constructor(startDim = 1, endDim = -1) {
    super();
    this.startDim = startDim;
    this.endDim = endDim;
  }

  override forward(x: Tensor): Tensor {
    return tensorOf('Flatten', x).flatten(this.startDim, this.endDim);
  }

  override config(): Config {
    return { startDim: this.startDim, endDim: this.endDim };
  }
}

/** One dimension as several, whose sizes multiply to its; one of them may be -1. */
export class Unflatten extends Module {
  readonly dim: number;
  readonly sizes: Shape;

  constructor(dim: number, sizes: Shape) {
    super();
    if (sizes.length === 0) throw new ShapeError('Unflatten: there are no sizes');
    this.dim = dim;
    this.sizes = [...sizes];
  }

  override forward(x: Tensor): Tensor {
    const d = normalizeDim('Unflatten', this.dim, tensorOf('Unflatten', x).ndim);
    const known = this.sizes.filter((s) => s !== -1).reduce((a, b) => a * b, 1);
    const sizes = this.sizes.map((s) => (s === -1 ? x.shape[d] / known : s));
    if (sizes.reduce((a, b) => a * b, 1) !== x.shape[d] || !sizes.every(Number.isInteger))
      throw new ShapeError(
        `Unflatten: dimension ${this.dim} of ${showShape(x.shape)} cannot become ${showShape(this.sizes)}`,
      );
    return x.reshape([...x.shape.slice(0, d), ...sizes, ...x.shape.slice(d + 1)]);
  }

  override config(): Config {
    return { dim: this.dim, sizes: this.sizes };
  }
}

/** Gives its input back. */
export class Identity extends Module {
  override forward(x: Tensor): Tensor {
    return x;
  }

  override config(): Config {
    return {};
  }
}
